//! Verifying the tokens of outside OIDC issuers.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::unverified::Unverified;
use crate::{JwkSet, OutsideAlgorithm, TokenError, signature};

/// The types of tokens that speak for somebody: identity tokens and access tokens. A logout token, for one, is signed
/// by the same issuer with the same key for the same audience (RFC 8725, section 3.11).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "jose"];

/// An issuer that is trusted, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideIssuer {
    /// Its name, exactly as its tokens have it in `iss`.
    pub issuer: String,
    /// For whom its tokens must be: at least one of these in `aud`. With none, no token is taken.
    pub audiences: Vec<String>,
    /// What its tokens may be signed with. With none, no token is taken.
    pub algorithms: Vec<OutsideAlgorithm>,
}

/// Verifies the tokens of one outside issuer.
#[derive(Debug, Clone)]
pub struct OutsideVerifier {
    trusted: OutsideIssuer,
    /// The claim that is read where there is no `aud`, if one is.
    in_place_of_aud: Option<String>,
}

impl OutsideVerifier {
    /// How far an issuer's clock may be from ours: for so long after its `exp` a token is still taken.
    pub const LEEWAY: chrono::Duration = chrono::Duration::seconds(60);

    /// Trusts this issuer.
    #[must_use]
    pub const fn new(trusted: OutsideIssuer) -> Self {
        Self { trusted, in_place_of_aud: None }
    }

    /// Reads for whom a token is in this claim, a text, where it has no `aud`: the access tokens of Amazon Cognito say
    /// so in `client_id`.
    #[must_use]
    pub fn with_audience_in(mut self, claim: Option<String>) -> Self {
        self.in_place_of_aud = claim;
        self
    }

    /// The claims, if the issuer's keys signed them, for one of the audiences, and they are good at `now`, give or take
    /// a minute: `exp` must be there, `nbf` and `iat` may. [`TokenError::UnknownKey`] where the set may be too old.
    ///
    /// What the other claims say, and that they are there, is for the caller to look at.
    pub fn verify(
        &self,
        token: &str,
        keys: &JwkSet,
        now: DateTime<Utc>,
    ) -> Result<Map<String, Value>, TokenError> {
        let token = Unverified::read(token)?;
        let known = |typ: &str| TYPES.iter().any(|it| it.eq_ignore_ascii_case(typ));
        if token.typ.as_deref().is_some_and(|typ| !known(typ)) {
            return Err(TokenError::WrongType);
        }
        let algorithm = OutsideAlgorithm::parse(&token.algorithm)
            .filter(|it| self.trusted.algorithms.contains(it))
            .ok_or(TokenError::WrongAlgorithm)?;
        let claims = Claims(&token.claims);
        // Before the key: a token of another issuer is no reason to fetch keys.
        claims.check_issuer(&self.trusted.issuer)?;
        let key = keys.find(token.kid.as_deref(), algorithm)?;
        signature::check(&token, key, algorithm)?;
        self.check_audience(claims)?;
        claims.check_time(now, Self::LEEWAY)?;
        Ok(token.claims)
    }

    /// RFC 7519, section 4.1.3: one audience, or a list of them.
    fn check_audience(&self, claims: Claims<'_>) -> Result<(), TokenError> {
        let malformed = TokenError::Claim { name: "aud", problem: "is not a text or a list of texts" };
        let in_place = || self.in_place_of_aud.as_ref().and_then(|claim| claims.0.get(claim));
        let named: Vec<&str> = match claims.0.get("aud").or_else(in_place) {
            None => return Err(TokenError::Claim { name: "aud", problem: "is missing" }),
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => {
                list.iter().map(Value::as_str).collect::<Option<_>>().ok_or(malformed)?
            }
            Some(_) => return Err(malformed),
        };
        let ours = named.iter().any(|it| self.trusted.audiences.iter().any(|audience| audience == it));
        if ours { Ok(()) } else { Err(TokenError::WrongAudience) }
    }
}
