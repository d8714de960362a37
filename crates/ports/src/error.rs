//! What goes wrong behind a port, as far as a caller can act on it.

use outcrop_types::{Classify, ErrorCode};

/// How a port failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortFailure {
    /// The thing behind the port is away or too slow; trying later may help.
    Unavailable,
    /// What was to be made exists already, or changed meanwhile.
    Conflict,
    /// What was read makes no sense, or the call was wrong: trying again will not help.
    Broken,
}

/// A failed call of a port: what was attempted, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {attempted}")]
pub struct PortError {
    /// How it failed.
    pub failure: PortFailure,
    /// What was attempted, to follow "could not": `look up an API key`.
    pub attempted: String,
    /// The adapter's own error. Never holds a secret.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// The thing behind the port is away.
    pub fn unavailable(
        attempted: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { failure: PortFailure::Unavailable, attempted: attempted.into(), source: Some(source.into()) }
    }

    /// It exists already or changed meanwhile.
    pub fn conflict(attempted: impl Into<String>) -> Self {
        Self { failure: PortFailure::Conflict, attempted: attempted.into(), source: None }
    }

    /// What was read or asked makes no sense.
    pub fn broken(
        attempted: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { failure: PortFailure::Broken, attempted: attempted.into(), source: Some(source.into()) }
    }

    /// The error and all its causes in one line, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl Classify for PortError {
    fn code(&self) -> ErrorCode {
        match self.failure {
            PortFailure::Unavailable => ErrorCode::Unavailable,
            PortFailure::Conflict => ErrorCode::Conflict,
            PortFailure::Broken => ErrorCode::Internal,
        }
    }
}
