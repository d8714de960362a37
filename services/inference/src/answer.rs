//! What a dialect's operation gives back, before it becomes an HTTP answer or a job's result.

use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use outcrop_http::ApiError;
use outcrop_types::{Classify, ErrorCode};

use crate::ChatError;
use crate::chat::Facts;
use crate::routes::headers;

/// The body, whole or in pieces.
pub(crate) enum Body {
    Whole(Bytes),
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

/// An answer and what goes with it.
pub(crate) struct Answer {
    pub(crate) body: Body,
    pub(crate) facts: Facts,
    /// What the client asked for and did not get.
    pub(crate) dropped: Vec<&'static str>,
}

/// How a caller wants to be answered, beyond what the body says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Rather refused than answered without something that was asked for.
    pub(crate) strict: bool,
    /// Whether the answer can come in pieces.
    pub(crate) may_stream: bool,
}

impl Manner {
    /// How jobs are answered.
    pub(crate) const JOB: Self = Self { strict: false, may_stream: false };

    /// Refuses what cannot be given.
    pub(crate) fn check(self, stream: bool, dropped: &[&'static str]) -> Result<(), ApiError> {
        if stream && !self.may_stream {
            let message = "This cannot be answered as a stream.";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("stream"));
        }
        match dropped {
            [first, ..] if self.strict => {
                let fields = dropped.join("`, `");
                let message = format!("No effect on this model, and `x-outcrop-strict` is set: `{fields}`.");
                Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(*first))
            }
            _ => Ok(()),
        }
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        let code = error.code();
        match error {
            ChatError::UnknownModel { .. } => Self::new(code, error.to_string()).with_param("model"),
            ChatError::RateLimited { ref full, retry_after } => {
                let mut this = Self::new(code, error.to_string()).with_retry_after(retry_after);
                for (name, value) in headers::rate_limit(full) {
                    this = this.with_header(name, value);
                }
                this
            }
            ChatError::Model { ref source } | ChatError::Denied { ref source } => {
                let retry_after = source.retry_after;
                let mut this = Self::from_error(error);
                this.retry_after = retry_after;
                this
            }
            ChatError::Limits { .. } | ChatError::SpoolFull | ChatError::Malformed => Self::from_error(error),
        }
    }
}
