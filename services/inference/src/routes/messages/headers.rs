//! Anthropic's headers: what requests carry, and what answers carry beside ours.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use chrono::{DateTime, SecondsFormat, Utc};
use outcrop_http::{ApiError, RequestContext};
use outcrop_wire::anthropic::{Betas, Version};

use super::Reading;
use crate::InferenceService;
use crate::answer::Answer;
use crate::routes::headers;

const LIMIT: &str = "anthropic-ratelimit-requests-limit";
const REMAINING: &str = "anthropic-ratelimit-requests-remaining";
const RESET: &str = "anthropic-ratelimit-requests-reset";

impl FromRequest for Reading {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read(request.headers()))
    }
}

fn read(headers: &HeaderMap) -> Result<Reading, ApiError> {
    // What is no text is no version and no beta either; both refuse it.
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let version = headers.get(Version::HEADER).map(text);
    let betas: Vec<String> = headers.get_all(Betas::HEADER).map(text).collect();
    Ok(Reading {
        version: Version::parse(version.as_deref())?,
        betas: Betas::parse(betas.iter().map(String::as_str))?,
    })
}

/// The HTTP answer, or the error with what Anthropic's clients look for.
pub(super) fn respond(
    service: &InferenceService,
    context: &RequestContext,
    answer: Result<Answer, ApiError>,
) -> Result<HttpResponse, ApiError> {
    let now = service.inner().clock.now();
    let answer = answer.map_err(|error| refused(error, now))?;
    let rate = answer.facts.rate.clone();
    let mut response = headers::respond(service, context.arrived, answer);
    put(response.headers_mut(), "request-id", context.request_id.as_str());
    if let Some(state) = rate {
        put(response.headers_mut(), LIMIT, &state.limit.to_string());
        put(response.headers_mut(), REMAINING, &state.remaining.to_string());
        put(response.headers_mut(), RESET, &at(now, state.reset_after));
    }
    Ok(response)
}

/// Says once more in Anthropic's headers where a limit stands.
pub(super) fn refused(error: ApiError, now: DateTime<Utc>) -> ApiError {
    let given = |name: &str| error.headers.iter().find(|(known, _)| *known == name).map(|(_, it)| it.clone());
    let (limit, remaining) = (given(headers::LIMIT), given(headers::REMAINING));
    let (Some(limit), Some(remaining), Some(wait)) = (limit, remaining, error.retry_after) else {
        return error;
    };
    error.with_header(LIMIT, limit).with_header(REMAINING, remaining).with_header(RESET, at(now, wait))
}

/// RFC 3339, in whole seconds, rounded up.
fn at(now: DateTime<Utc>, wait: Duration) -> String {
    let wait = Duration::from_secs(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX));
    let then = chrono::Duration::from_std(wait).ok().and_then(|wait| now.checked_add_signed(wait));
    then.unwrap_or(now).to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
