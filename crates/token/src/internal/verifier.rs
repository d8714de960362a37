//! Verifying.

use std::fmt;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use outcrop_types::Principal;
use secrecy::{ExposeSecret, SecretString};

use super::{AUDIENCE, Claims, IdentityError, MIN_SECRET_LEN, SecretTooShort};

/// Longest token looked at, bytes: a principal with as long a scope as there can be fits; most are below 1,000.
const MAX_TOKEN_LEN: usize = 32 * 1024;

/// How far the clocks of two services may be apart.
const LEEWAY: chrono::Duration = chrono::Duration::seconds(5);

/// Checks tokens of an [`InternalSigner`](crate::InternalSigner) with the same secret.
pub struct InternalVerifier {
    key: DecodingKey,
    validation: Validation,
}

impl InternalVerifier {
    /// Takes the secret all services share.
    pub fn new(secret: &SecretString) -> Result<Self, SecretTooShort> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_LEN {
            return Err(SecretTooShort);
        }
        // The algorithm is pinned here and never taken from the token.
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        // The time is compared below, with the clock that is passed in.
        validation.validate_exp = false;
        Ok(Self { key: DecodingKey::from_secret(secret), validation })
    }

    /// Whom the token speaks for, if it is good at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Principal, IdentityError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(IdentityError::TooLong { length: token.len() });
        }
        let claims = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|source| IdentityError::Forged { source })?
            .claims;
        if now.timestamp() >= claims.exp.saturating_add(LEEWAY.num_seconds()) {
            return Err(IdentityError::Expired);
        }
        if claims.iat > now.timestamp().saturating_add(LEEWAY.num_seconds()) {
            return Err(IdentityError::FromTheFuture);
        }
        Ok(claims.principal)
    }
}

impl fmt::Debug for InternalVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalVerifier(…)")
    }
}
