//! Sets of public keys (RFC 7517, section 5): an outside issuer's, and our own as we publish it.

use serde::Serialize;
use serde_json::Value;

use crate::{Jwk, KeyError, OutsideAlgorithm, TokenError, strict};

/// Longest set read, bytes.
const MAX_LEN: usize = 256 * 1024;

/// Most keys in a set.
const MAX_KEYS: usize = 100;

/// Public keys. As JSON it is what stands at `/.well-known/jwks.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// A set of these keys.
    #[must_use]
    pub const fn new(keys: Vec<Jwk>) -> Self {
        Self { keys }
    }

    /// Reads a set of at most 256 KiB and 100 keys. Keys that we could not check a signature with (for encryption,
    /// of an unknown kind, too small, malformed) are left out, as RFC 7517 has it: an issuer may add them any day.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > MAX_LEN {
            return Err(KeyError::TooLong { length: json.len(), limit: MAX_LEN });
        }
        let members = strict::object(json).map_err(|problem| KeyError::Json { problem })?;
        let Some(Value::Array(list)) = members.get("keys") else { return Err(KeyError::NoKeys) };
        if list.len() > MAX_KEYS {
            return Err(KeyError::TooMany { count: list.len(), limit: MAX_KEYS });
        }
        let keys = list.iter().filter_map(Value::as_object).filter_map(|it| Jwk::from_members(it).ok());
        Ok(Self { keys: keys.collect() })
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The one key for a token with this `kid` and `alg`. [`TokenError::UnknownKey`] where the set has none of that
    /// name or, for a token that names none, none that fits; a newer set may have it. Where two would fit, it is
    /// neither.
    pub fn find(&self, kid: Option<&str>, algorithm: OutsideAlgorithm) -> Result<&Jwk, TokenError> {
        let mut named = self.keys.iter().filter(|key| kid.is_none() || key.kid() == kid).peekable();
        if named.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        let mut fitting = named.filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(TokenError::AmbiguousKey),
            (None, _) if kid.is_some() => Err(TokenError::WrongKey),
            (None, _) => Err(TokenError::UnknownKey),
        }
    }
}
