//! Signing.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use outcrop_types::Principal;
use secrecy::{ExposeSecret, SecretString};

use super::{AUDIENCE, Claims, IdentityError, MIN_SECRET_LEN, SecretTooShort};

/// Most tokens remembered.
const MAX_REMEMBERED: usize = 4096;

/// Longest token remembered, bytes. Few principals have a scope that takes more, and thousands of those would take
/// more memory than signing them again takes time.
const MAX_REMEMBERED_LEN: usize = 4096;

/// Signs who a request is for.
///
/// A token is reused for half of its life: signing costs microseconds, and a gateway sees the same few
/// principals again and again.
pub struct InternalSigner {
    key: EncodingKey,
    issuer: String,
    ttl: chrono::Duration,
    remembered: Mutex<HashMap<u64, Remembered>>,
    hasher: RandomState,
}

struct Remembered {
    principal: Principal,
    token: String,
    signed_at: DateTime<Utc>,
}

impl InternalSigner {
    /// Signs as the service `issuer`, with the secret all services share, tokens that are good for `ttl`.
    pub fn new(issuer: &str, secret: &SecretString, ttl: Duration) -> Result<Self, SecretTooShort> {
        let secret = secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_LEN {
            return Err(SecretTooShort);
        }
        Ok(Self {
            key: EncodingKey::from_secret(secret),
            issuer: issuer.to_owned(),
            // Whole seconds, at least two: the claims have no finer unit.
            ttl: chrono::Duration::seconds(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX).clamp(2, 86_400)),
            remembered: Mutex::default(),
            hasher: RandomState::new(),
        })
    }

    /// A token that says, from `now` on, that the request is `principal`'s.
    pub fn sign(&self, principal: &Principal, now: DateTime<Utc>) -> Result<String, IdentityError> {
        let who = (principal.subject, principal.team, principal.role, &principal.key, &principal.scope);
        let slot = self.hasher.hash_one(who);
        if let Some(token) = self.recall(slot, principal, now) {
            return Ok(token);
        }
        let token = self.sign_anew(principal, now)?;
        if token.len() > MAX_REMEMBERED_LEN {
            return Ok(token);
        }
        let entry = Remembered { principal: principal.clone(), token: token.clone(), signed_at: now };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED && !remembered.contains_key(&slot) {
            let fresh_for = self.ttl / 2;
            remembered.retain(|_, entry| now - entry.signed_at < fresh_for);
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(slot, entry);
        Ok(token)
    }

    fn recall(&self, slot: u64, principal: &Principal, now: DateTime<Utc>) -> Option<String> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = remembered.get(&slot)?;
        let age = now - entry.signed_at;
        let fresh = age >= chrono::Duration::zero() && age < self.ttl / 2;
        // The whole principal is compared: a changed limit must not travel under an old signature.
        (fresh && entry.principal == *principal).then(|| entry.token.clone())
    }

    fn sign_anew(&self, principal: &Principal, now: DateTime<Utc>) -> Result<String, IdentityError> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            iat: now.timestamp(),
            exp: (now + self.ttl).timestamp(),
            principal: principal.clone(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.key)
            .map_err(|source| IdentityError::Sign { source })
    }
}

impl fmt::Debug for InternalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalSigner")
            .field("issuer", &self.issuer)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
