//! From whatever went wrong to an answer in the caller's dialect, and to what is told of it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{Error, HttpResponse};
use outcrop_types::ErrorCode;
use outcrop_wire::Dialect;
use outcrop_wire::error::{ErrorBody, LimitFacts, render_limit};

use crate::{ApiError, RequestContext, own_words};

/// A failure as it is told and logged, wherever it came from.
pub(crate) struct Failure<'a> {
    pub(crate) code: ErrorCode,
    message: Cow<'a, str>,
    param: Option<&'a str>,
    reason: Option<&'static str>,
    retry_after: Option<Duration>,
    limit: Option<&'a LimitFacts>,
    headers: &'a [(&'static str, String)],
    /// The failure and its causes, for the log: of a client's mistake our own words alone.
    pub(crate) chain: String,
}

impl<'a> Failure<'a> {
    /// Reads an error that a handler, an extractor or actix-web itself made.
    pub(crate) fn of(error: &'a Error) -> Self {
        if let Some(error) = error.as_error::<ApiError>() {
            return Self::from(error);
        }
        if let Some(error) = error.as_error::<PayloadError>() {
            let (code, message) = of_payload(error);
            return Self { chain: told(code, error.to_string()), ..Self::plain(code, message) };
        }
        let code = of_status(error.as_response_error().status_code().as_u16());
        let text = error.to_string();
        // What actix says of a bad request is meant for the client; what it says of a bad server is not.
        let message: Cow<'_, str> =
            if code.status() < 500 { text.clone().into() } else { words(code).into() };
        Self { chain: told(code, text), ..Self::plain(code, message) }
    }

    /// Where in the request it is, for the log.
    pub(crate) fn place(&self) -> Option<String> {
        self.param.map(own_words::of_param)
    }

    /// A bare status without a body, as actix-web gives for a wrong method.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = of_status(status.as_u16());
        Self::plain(code, words(code))
    }

    fn plain(code: ErrorCode, message: impl Into<Cow<'a, str>>) -> Self {
        let message = message.into();
        let chain = message.clone().into_owned();
        Self { code, message, param: None, reason: None, retry_after: None, limit: None, headers: &[], chain }
    }

    /// The answer, in the words of the request's dialect.
    pub(crate) fn response(&self, context: &RequestContext) -> HttpResponse<BoxBody> {
        let body = ErrorBody {
            code: self.code,
            message: self.message.as_ref().to_owned(),
            param: self.param.map(str::to_owned),
            request_id: Some(context.request_id.as_str().to_owned()),
        };
        let rendered = render_limit(context.dialect, &body, self.reason, self.limit);
        let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::new(status).set_body(BoxBody::new(rendered.body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(rendered.content_type));
        if self.code == ErrorCode::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge(context.dialect)));
        }
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        for (name, value) in rendered.headers.iter().chain(self.headers) {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl<'a> From<&'a ApiError> for Failure<'a> {
    fn from(error: &'a ApiError) -> Self {
        Self {
            code: error.code,
            message: error.message.as_str().into(),
            param: error.param.as_deref(),
            reason: error.reason,
            retry_after: error.retry_after,
            limit: error.source.as_deref().and_then(|source| source.downcast_ref()),
            headers: &error.headers,
            chain: chain(error),
        }
    }
}

/// What the log hears of a text.
fn told(code: ErrorCode, text: String) -> String {
    if code.status() >= 500 { text } else { own_words::of_text(&text) }
}

/// What the log hears of a failure of this kind, beside the line of a request that failed: the error and its causes in one
/// line, and of a client's mistake our own words alone.
#[must_use]
pub fn log_text(code: ErrorCode, error: &dyn StdError) -> String {
    with_causes(code, error.to_string(), error.source())
}

fn chain(error: &ApiError) -> String {
    let cause = error.source.as_deref().map(|error| error as &dyn StdError);
    with_causes(error.code, error.message.clone(), cause)
}

/// A text and its causes in one line; a cause that only repeats what was said is left out.
fn with_causes(code: ErrorCode, text: String, mut cause: Option<&dyn StdError>) -> String {
    let mut text = told(code, text);
    while let Some(error) = cause {
        let said = told(code, error.to_string());
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// How to authenticate. At the token endpoint it is the client that does, with its id and secret (RFC 6749,
/// section 5.2).
const fn challenge(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OAuth => "Basic realm=\"outcrop\"",
        _ => "Bearer",
    }
}

/// Rounded up: whoever comes back a fraction too early is refused again.
fn whole_seconds(after: Duration) -> u64 {
    u64::try_from(after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

fn of_payload(error: &PayloadError) -> (ErrorCode, &'static str) {
    match error {
        PayloadError::Overflow => (ErrorCode::PayloadTooLarge, words(ErrorCode::PayloadTooLarge)),
        PayloadError::Incomplete(_) => (ErrorCode::InvalidRequest, "the body ended before it was whole"),
        _ => (ErrorCode::InvalidRequest, "the body could not be read"),
    }
}

/// What a status stands for when nobody says more.
pub(crate) const fn of_status(status: u16) -> ErrorCode {
    match status {
        401 => ErrorCode::Unauthenticated,
        403 => ErrorCode::Forbidden,
        404 => ErrorCode::NotFound,
        405 => ErrorCode::MethodNotAllowed,
        408 => ErrorCode::TooSlow,
        409 => ErrorCode::Conflict,
        410 => ErrorCode::Gone,
        413 => ErrorCode::PayloadTooLarge,
        415 => ErrorCode::UnsupportedMediaType,
        429 => ErrorCode::RateLimited,
        400..=499 => ErrorCode::InvalidRequest,
        502 => ErrorCode::Upstream,
        503 => ErrorCode::Unavailable,
        504 => ErrorCode::Timeout,
        _ => ErrorCode::Internal,
    }
}

/// What is said when nobody said more.
pub(crate) const fn words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "the request could not be read",
        ErrorCode::Unauthenticated => "no valid credential was given",
        ErrorCode::Forbidden => "this is not allowed",
        ErrorCode::NotFound => "there is nothing at this path",
        ErrorCode::ModelNotFound => "there is no such model",
        ErrorCode::MethodNotAllowed => "this path does not take this method",
        ErrorCode::TooSlow => "the body did not arrive in time",
        ErrorCode::Conflict => "this is in conflict with what is there",
        ErrorCode::Gone => "this was here and is kept no longer",
        ErrorCode::PayloadTooLarge => "the body is over the limit",
        ErrorCode::UnsupportedMediaType => "the body is of a type that is not read here",
        ErrorCode::RateLimited => "a limit is reached",
        ErrorCode::Internal => "something went wrong on our side",
        ErrorCode::Upstream => "the model failed",
        ErrorCode::Unavailable => "this cannot be served now",
        ErrorCode::Timeout => "there was no answer in time",
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::Classify;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not look it up")]
    struct Outer(#[source] std::io::Error);

    impl Classify for Outer {
        fn code(&self) -> ErrorCode {
            ErrorCode::Unavailable
        }
    }

    #[test]
    fn causes_are_logged_and_not_told() {
        let error = ApiError::from_error(Outer(std::io::Error::other("connection refused by 10.0.0.7")));
        let failure = Failure::from(&error);
        assert_eq!(failure.chain, "could not look it up: connection refused by 10.0.0.7");
        assert_eq!(failure.message, "could not look it up");
    }

    #[test]
    fn waits_are_rounded_up() {
        // As long as it is: the same is said in milliseconds elsewhere.
        let cases = [(0, 1), (1, 1), (1000, 1), (1001, 2), (780_368_982, 780_369)];
        for (given, expected) in cases {
            assert_eq!(whole_seconds(Duration::from_millis(given)), expected, "{given}");
        }
    }

    #[test]
    fn what_actix_says_of_a_broken_server_is_not_told() {
        let error = actix_web::error::ErrorInternalServerError("secret detail");
        let failure = Failure::of(&error);
        assert_eq!(
            (failure.code, failure.message.as_ref()),
            (ErrorCode::Internal, words(ErrorCode::Internal))
        );
        let error = Error::from(PayloadError::Overflow);
        assert_eq!(Failure::of(&error).code, ErrorCode::PayloadTooLarge);
        let error = actix_web::error::ErrorBadRequest("`n` is no number");
        assert_eq!(Failure::of(&error).message, "`n` is no number");
    }
}
