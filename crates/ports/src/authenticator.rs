//! From a credential to a principal.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{Classify, ErrorCode, PresentedKey, Principal};

use crate::PortError;

/// What a caller shows to say who it is. Prints no secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key.
    ApiKey(PresentedKey),
}

/// A credential that was good when it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who it is.
    pub principal: Principal,
    /// When the credential ends by itself; nobody may cache it beyond.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why there is no principal.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The credential is not, or no longer, good. Deliberately says no more.
    #[error("the credential is not valid")]
    Invalid,
    /// We cannot tell now; this is never a 401.
    #[error("could not check the credential")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
}

impl Classify for Refused {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid => ErrorCode::Unauthenticated,
            Self::Unknown { .. } => ErrorCode::Unavailable,
        }
    }
}

/// Checks credentials.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who shows this credential. A store that is down is [`Refused::Unknown`], never [`Refused::Invalid`].
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused>;
}
