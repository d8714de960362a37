//! The one error type of handlers.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use outcrop_types::{Classify, ErrorCode};
use outcrop_wire::error::LimitFacts;

/// A refused or failed request: what the client is told, and what only the log is told.
#[derive(Debug)]
pub struct ApiError {
    /// Which of the closed list of failures this is.
    pub code: ErrorCode,
    /// For the client.
    pub message: String,
    /// The field that is wrong, as the dialect spells it.
    pub param: Option<String>,
    /// A word that says more than the code, in dialects that have such words: OAuth's `invalid_grant`, OpenAI's
    /// `previous_response_not_found`.
    pub reason: Option<&'static str>,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// Further headers for the answer. Most have none: boxed, they do not make every `Result` wider.
    pub headers: Box<[(&'static str, String)]>,
    /// For the log.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// A failure told in words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            reason: None,
            retry_after: None,
            headers: Box::default(),
            source: None,
        }
    }

    /// The failure of an operation; its own message goes to the client, its causes go to the log.
    pub fn from_error<E: Classify + Send + Sync + 'static>(error: E) -> Self {
        let mut this = Self::new(error.code(), error.to_string());
        this.source = Some(Box::new(error));
        this
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says more than the code, in the dialect's own word: one of OAuth's (RFC 6749, section 5.2), or of OpenAI's.
    #[must_use]
    pub const fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Says when to come back.
    #[must_use]
    pub const fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Says which limit has no room: the log hears of it, and clients of dialects that have members for it.
    #[must_use]
    pub fn with_limit(mut self, limit: LimitFacts) -> Self {
        self.source = Some(Box::new(limit));
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let mut headers = self.headers.into_vec();
        headers.push((name, value.into()));
        self.headers = headers.into();
        self
    }
}

impl From<outcrop_chat::InvalidRequest> for ApiError {
    fn from(error: outcrop_chat::InvalidRequest) -> Self {
        let mut this = Self::new(error.code(), error.message);
        this.param = error.param;
        this
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Only the status: the `scope` middleware, which knows the dialect, writes the body.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
