//! The one reader of tokens from outside, before anything about them is known to be true.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::{MAX_TOKEN_LEN, TokenError, strict};

/// Longest name taken in a header (`alg`, `kid`, `typ`), characters.
const MAX_NAME_LEN: usize = 200;

/// Members of the header that change how the token is to be read or bring a key along (RFC 7515, section 4.1; RFC
/// 7516; RFC 7797): keys come from us, never from a token, and nothing else than signed claims is understood.
/// `x5c` and `x5t` may stand there, as some issuers write them; nobody reads them.
const REFUSED: [&str; 8] = ["crit", "b64", "jku", "jwk", "x5u", "enc", "zip", "cty"];

/// A token that is well-formed. Nobody vouches for what it says.
pub(crate) struct Unverified<'a> {
    pub(crate) algorithm: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
    pub(crate) claims: Map<String, Value>,
    /// What is signed.
    pub(crate) message: &'a str,
    /// The signature, in well-formed base64url.
    pub(crate) signature: &'a str,
}

impl<'a> Unverified<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLong { length: token.len(), limit: MAX_TOKEN_LEN });
        }
        let [header, payload, signature] = parts(token)?;
        let header = object("header", header)?;
        if let Some(name) = REFUSED.into_iter().find(|name| header.contains_key(*name)) {
            return Err(TokenError::Header { name, problem: "is not taken" });
        }
        let algorithm =
            name(&header, "alg")?.ok_or(TokenError::Header { name: "alg", problem: "is missing" })?;
        let (kid, typ) = (name(&header, "kid")?, name(&header, "typ")?);
        let claims = object("payload", payload)?;
        decode("signature", signature)?;
        let message = &token[..token.len() - signature.len() - 1];
        Ok(Self { algorithm, kid, typ, claims, message, signature })
    }
}

fn parts(token: &str) -> Result<[&str; 3], TokenError> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok([header, payload, signature]),
        _ => Err(TokenError::Parts { count: token.split('.').take(6).count() }),
    }
}

fn object(part: &'static str, text: &str) -> Result<Map<String, Value>, TokenError> {
    strict::object(&decode(part, text)?).map_err(|problem| TokenError::Malformed { part, problem })
}

/// Only one text stands for given bytes: padding, other alphabets, white space and stray bits at the end are refused.
fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    if text.is_empty() {
        return Err(TokenError::Malformed { part, problem: "is empty" });
    }
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::Malformed { part, problem: "is not base64url without padding" })
}

fn name(header: &Map<String, Value>, name: &'static str) -> Result<Option<String>, TokenError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_name(text) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::Header { name, problem: "is not 1 to 200 visible ASCII characters" }),
    }
}

/// Whether this can be the name of a key, an algorithm or a type. It can be logged as it is.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
