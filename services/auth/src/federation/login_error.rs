//! Why a browser login fails, in words for whoever sits before the browser.

use std::time::Duration;

use outcrop_ports::{PortError, Refused, Why};
use outcrop_types::{Classify, ErrorCode};

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcLoginError {
    /// There is no such issuer, or browsers do not log in through it.
    #[error("there is no login through an issuer of this name")]
    NoIssuer,
    /// The answer does not belong to a login that this browser began.
    #[error("this login was not begun in this browser, or more than ten minutes ago; begin it again")]
    NotBegun {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// The issuer said no.
    #[error("the identity provider answered: {said}")]
    Said {
        /// What it said, fit to be shown.
        said: String,
    },
    /// Whoever it is, is nobody here.
    #[error(
        "the identity provider knows you, but this login is not accepted here; an admin finds the reason in the log"
    )]
    Denied {
        /// What the log says.
        #[source]
        why: Why,
    },
    /// Too many from one address.
    #[error("too many logins from this address; try again later")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// The issuer, or a store, is away or does not understand us.
    #[error("the login could not be checked")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: PortError,
    },
}

impl OidcLoginError {
    pub(super) fn not_begun(why: &'static str) -> Self {
        Self::NotBegun { why: Why(why.into()) }
    }

    pub(super) fn denied(why: &'static str) -> Self {
        Self::Denied { why: Why(why.into()) }
    }

    /// When to come back.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl From<PortError> for OidcLoginError {
    fn from(source: PortError) -> Self {
        Self::Unknown { source }
    }
}

impl From<Refused> for OidcLoginError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid { why } => Self::Denied { why },
            Refused::Unknown { source } => Self::Unknown { source },
        }
    }
}

impl Classify for OidcLoginError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoIssuer => ErrorCode::NotFound,
            Self::NotBegun { .. } | Self::Said { .. } => ErrorCode::InvalidRequest,
            Self::Denied { .. } => ErrorCode::Forbidden,
            Self::Throttled { .. } => ErrorCode::RateLimited,
            Self::Unknown { .. } => ErrorCode::Unavailable,
        }
    }
}
