//! The closed list of ways a request can fail, as a client sees them.

/// Why a request failed. One table maps it to an HTTP status; `wire` maps it to each dialect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request itself is wrong: a field is missing, malformed or not supported.
    InvalidRequest,
    /// No credential, or one that is not valid: who are you?
    Unauthenticated,
    /// The credential is good and may not do this.
    Forbidden,
    /// No such thing, or it belongs to another team.
    NotFound,
    /// No such model, or not for this team.
    ModelNotFound,
    /// The path exists and not with this method.
    MethodNotAllowed,
    /// The body did not arrive in time, and may be sent again.
    TooSlow,
    /// The state of the thing does not allow this, or it exists already.
    Conflict,
    /// It was there and is kept no longer.
    Gone,
    /// The body is over the limit.
    PayloadTooLarge,
    /// The body is of a type nobody here reads.
    UnsupportedMediaType,
    /// A limit is reached; come back later.
    RateLimited,
    /// Our fault.
    Internal,
    /// The model failed or answered something malformed.
    Upstream,
    /// We cannot tell or cannot serve now: a dependency is down, or we are draining.
    Unavailable,
    /// The model did not answer in time.
    Timeout,
}

impl ErrorCode {
    /// The HTTP status of this code, the same in every dialect.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::ModelNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooSlow => 408,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
        }
    }

    /// A stable name for logs, metrics and usage records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::ModelNotFound => "model_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooSlow => "too_slow",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Upstream => "upstream",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
        }
    }
}

/// What every operation's error enum can say of itself, so that one place renders and logs it.
pub trait Classify: std::error::Error {
    /// Which of the closed list of failures this is.
    fn code(&self) -> ErrorCode;
}
