//! From a credential to a principal.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{Classify, ErrorCode, PresentedKey, Principal, SessionId};
use secrecy::SecretString;

use crate::PortError;

/// What a caller shows to say who it is. Prints no secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An API key.
    ApiKey(PresentedKey),
    /// A JSON Web Token: ours, or of an outside issuer. Not yet looked at.
    Token(SecretString),
    /// The cookie of a browser that is logged in.
    Session(PresentedKey),
    /// Any other text, where a static key is configured.
    Static(SecretString),
}

/// A credential that was good when it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who it is.
    pub principal: Principal,
    /// When the credential ends by itself; nobody may cache it beyond.
    pub expires_at: Option<DateTime<Utc>>,
    /// The login it belongs to, if to one.
    pub session: Option<SessionId>,
}

/// What is wrong with a credential, for the log; the caller is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why(pub Cow<'static, str>);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Why {}

/// Why there is no principal.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The credential is not, or no longer, good. Deliberately says no more to the caller.
    #[error("the credential is not valid")]
    Invalid {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// We cannot tell now; this is never a 401.
    #[error("could not check the credential")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
}

impl Refused {
    /// Not good, for this reason.
    pub fn invalid(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { why: Why(why.into()) }
    }
}

impl Classify for Refused {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::Unauthenticated,
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
