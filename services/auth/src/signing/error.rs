//! Why nothing can be signed, or no signature checked.

use outcrop_ports::PortError;
use outcrop_token::KeyError;
use outcrop_types::{Classify, ErrorCode};

/// The keys that sign access tokens cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The store failed.
    #[error("could not read or write the signing keys")]
    Store {
        /// How.
        #[source]
        source: PortError,
    },
    /// A key of the operator's does not read.
    #[error("key {number} of `auth.signing_key` cannot be used")]
    Operator {
        /// The how-manieth it is, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// No key could be made.
    #[error("could not make a signing key")]
    Make {
        /// How.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Other replicas were faster each time, and what they made does not open here.
    #[error("there is no signing key that can be used")]
    None,
}

impl Classify for SigningError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Store { source } => source.code(),
            Self::Operator { .. } | Self::Make { .. } | Self::None => ErrorCode::Internal,
        }
    }
}
