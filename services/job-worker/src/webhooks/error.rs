//! What goes wrong with endpoints.

use outcrop_ports::PortError;
use outcrop_types::{Classify, ErrorCode, WEBHOOK_EVENTS};

/// Longest description, characters.
pub(super) const MAX_DESCRIPTION: usize = 256;
/// The longest that an old secret signs beside the new one: 30 days.
pub(super) const MAX_OVERLAP_S: u64 = 30 * 24 * 3_600;
/// Most tests that wait to be told to one endpoint.
pub(super) const MAX_TESTS: usize = 20;

/// Why something was not done with an endpoint or a delivery.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("there is no such webhook")]
    NoWebhook,
    #[error("there is no such delivery")]
    NoDelivery,
    #[error("the address {wrong}")]
    Url { wrong: String },
    #[error("`{name}` is no event; there are {}", WEBHOOK_EVENTS.join(", "))]
    Event { name: String },
    #[error("the description must have at most {MAX_DESCRIPTION} characters, and none that controls")]
    Description,
    #[error("`overlap_s` must be from 0 to {MAX_OVERLAP_S}")]
    Overlap,
    #[error("{MAX_TESTS} tests wait to be told to this webhook already; look at its deliveries")]
    TooManyTests,
    #[error("webhooks are turned off on this platform")]
    Off,
    #[error("the team has {most} webhooks already, which is the most")]
    TooMany { most: usize },
    #[error("the webhook was changed by others at the same time; try again")]
    Changed,
    #[error("the webhook is disabled; enable it first")]
    Disabled,
    #[error("could not make a secret")]
    Seal {
        #[source]
        source: outcrop_token::TokenError,
    },
    #[error("could not look after webhooks now")]
    Port {
        #[from]
        source: PortError,
    },
}

impl Classify for WebhookError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NoWebhook | Self::NoDelivery => ErrorCode::NotFound,
            Self::Url { .. } | Self::Event { .. } | Self::Description | Self::Overlap => {
                ErrorCode::InvalidRequest
            }
            Self::TooManyTests => ErrorCode::RateLimited,
            Self::Off => ErrorCode::Forbidden,
            Self::TooMany { .. } | Self::Changed | Self::Disabled => ErrorCode::Conflict,
            Self::Seal { .. } => ErrorCode::Internal,
            Self::Port { source } => source.code(),
        }
    }
}

impl WebhookError {
    /// The field that is wrong, if it is one.
    pub(crate) const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Url { .. } => Some("url"),
            Self::Event { .. } => Some("events"),
            Self::Description => Some("description"),
            Self::Overlap => Some("overlap_s"),
            _ => None,
        }
    }
}
