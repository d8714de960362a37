//! Anthropic's headers: what requests carry, and what answers carry beside ours.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use chrono::{DateTime, SecondsFormat, Utc};
use outcrop_http::{ApiError, RequestContext};
use outcrop_ports::Kind;
use outcrop_wire::anthropic::{Betas, Version};

use super::Reading;
use crate::InferenceService;
use crate::admission::Standing;
use crate::answer::Answer;
use crate::routes::headers;

const REQUESTS: [&str; 3] = [
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
];
const TOKENS: [&str; 3] = [
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
];

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
    let standings = answer.facts.standings.clone();
    let mut response = headers::respond(context, answer);
    put(response.headers_mut(), "request-id", context.request_id.as_str());
    for Standing { kind, state } in standings {
        let names = match kind {
            Kind::Requests => REQUESTS,
            Kind::Tokens => TOKENS,
            Kind::Concurrency | Kind::Money => continue,
        };
        let values = [state.limit.to_string(), state.remaining().to_string(), at(now, state.reset_after)];
        for (name, value) in names.into_iter().zip(values) {
            put(response.headers_mut(), name, &value);
        }
    }
    Ok(response)
}

/// Says once more in Anthropic's headers where the limits of requests and of tokens stand, whichever of them, or which
/// other one, has no room; when to come back is another matter.
pub(super) fn refused(mut error: ApiError, now: DateTime<Utc>) -> ApiError {
    let known = [([headers::LIMIT, headers::REMAINING, headers::RESET], REQUESTS), (headers::TOKENS, TOKENS)];
    for (ours, theirs) in known {
        let given = |name: &str| {
            let found = error.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        if let [Some(limit), Some(remaining), reset] = ours.map(given) {
            let reset = reset.map(|reset| at(now, headers::from_words(&reset)));
            for (name, value) in theirs.into_iter().zip([Some(limit), Some(remaining), reset]) {
                error = value.into_iter().fold(error, |error, value| error.with_header(name, value));
            }
        }
    }
    error
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
