//! What can be wrong with an internal identity or its secret.

use outcrop_types::{Classify, ErrorCode};

/// Why an internal identity was not taken, or not made. None of these holds the token.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Longer than any token of ours.
    #[error("the internal identity is {length} bytes long, which no token of ours is")]
    TooLong {
        /// Its length, bytes.
        length: usize,
    },
    /// Malformed, signed with another key or algorithm, or for somebody else.
    #[error("the internal identity is not one of ours")]
    Forged {
        /// What is wrong with it.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
    /// Its time is over.
    #[error("the internal identity has expired")]
    Expired,
    /// Made in the future: clocks disagree by more than the leeway.
    #[error("the internal identity is from the future; do the services' clocks agree?")]
    FromTheFuture,
    /// Could not be signed.
    #[error("could not sign the internal identity")]
    Sign {
        /// What went wrong.
        #[source]
        source: jsonwebtoken::errors::Error,
    },
}

impl Classify for IdentityError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Sign { .. } => ErrorCode::Internal,
            _ => ErrorCode::Unauthenticated,
        }
    }
}

/// A secret too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`internal.secret` must be at least 32 bytes long")]
pub struct SecretTooShort;
