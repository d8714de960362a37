//! The identity that travels between services: a short-lived token signed with a shared secret.
//!
//! The gateway authenticates a caller once and signs who it is; the service behind verifies the signature
//! and believes nothing else.

mod error;
mod service;
mod signer;
mod verifier;

pub use error::{IdentityError, SecretTooShort};
pub use service::{is_service, service_principal};
pub use signer::InternalSigner;
pub use verifier::InternalVerifier;

use outcrop_types::Principal;
use serde::{Deserialize, Serialize};

/// The header that carries the token from service to service. The gateway removes it from what clients send.
pub const HEADER: &str = "x-outcrop-principal";

/// Whom the token is for: nobody outside.
const AUDIENCE: &str = "outcrop-internal";

/// Shortest secret taken, bytes: as long as the hash (RFC 7518, section 3.2).
const MIN_SECRET_LEN: usize = 32;

/// What is signed.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// Seconds since 1970.
    iat: i64,
    /// Seconds since 1970.
    exp: i64,
    principal: Principal,
}

#[cfg(test)]
mod tests;
