//! What a token says of itself, before it is known whether it is true.

use crate::TokenError;
use crate::claims::Claims;
use crate::unverified::Unverified;

/// Longest issuer looked at, characters.
const MAX_ISSUER_LEN: usize = 2_000;

/// What a token says about who made it: good for choosing who shall verify it, and for nothing else.
///
/// All of it is visible ASCII of bounded length, so that it can be logged as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// `alg`; any text.
    pub algorithm: String,
    /// `kid`, at most 200 characters; any text, to be compared and nothing else.
    pub kid: Option<String>,
    /// `iss`, at most 2,000 characters.
    pub issuer: Option<String>,
    /// `typ`.
    pub typ: Option<String>,
}

/// Reads a token without verifying it. Refuses what no reader should take: more than 16 KiB; other than three parts of
/// base64url; header or payload with a member twice or nested deeper than 8 levels; encrypted and nested tokens; and
/// headers that want to be followed (`crit`, `b64`, `jku`, `jwk`, `x5u`).
pub fn peek(token: &str) -> Result<Peeked, TokenError> {
    let token = Unverified::read(token)?;
    let issuer = Claims(&token.claims).optional_text("iss")?;
    if issuer.is_some_and(|it| it.len() > MAX_ISSUER_LEN || !it.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(TokenError::Claim {
            name: "iss",
            problem: "is longer than 2,000 characters, or not visible ASCII",
        });
    }
    let issuer = issuer.map(str::to_owned);
    Ok(Peeked { algorithm: token.algorithm, kid: token.kid, issuer, typ: token.typ })
}
