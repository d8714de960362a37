//! Why a credential does not let its bearer in.

use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{PortError, Why};
use outcrop_types::{Classify, ErrorCode};

/// When to come back after a check that could not be made.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a credential does not let its bearer in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// It is not, or no longer, good.
    #[error("the credential is not valid")]
    Invalid {
        /// What the log says; the caller is not told.
        #[source]
        why: Why,
    },
    /// It could not be checked.
    #[error("the credential could not be checked; try again shortly")]
    Unknown {
        /// What stood in the way.
        #[source]
        source: Arc<PortError>,
    },
}

impl Refusal {
    /// It ended by itself.
    pub(super) const fn expired() -> Self {
        Self::Invalid { why: Why(std::borrow::Cow::Borrowed("it has expired")) }
    }

    pub(super) fn unknown(attempted: &str, why: &str) -> Self {
        Self::Unknown { source: Arc::new(PortError::unavailable(attempted, why)) }
    }

    /// When to come back, if that may help.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Invalid { .. } => None,
            Self::Unknown { .. } => Some(RETRY_AFTER),
        }
    }
}

impl Classify for Refusal {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::Unauthenticated,
            Self::Unknown { .. } => ErrorCode::Unavailable,
        }
    }
}
