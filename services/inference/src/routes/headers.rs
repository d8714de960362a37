//! The headers that answers carry, and the one that requests may.

use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use outcrop_http::{ApiError, sse};
use outcrop_ports::WindowState;
use outcrop_types::ErrorCode;
use outcrop_wire::bedrock;

use super::invoke::head;
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Facts;

pub(crate) use head::GUARDRAIL;

const STRICT: &str = "x-outcrop-strict";
pub(crate) const LIMIT: &str = "x-ratelimit-limit-requests";
pub(crate) const REMAINING: &str = "x-ratelimit-remaining-requests";
const RESET: &str = "x-ratelimit-reset-requests";

impl FromRequest for Manner {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let value = request.headers().get(STRICT).map(|it| it.as_bytes().to_ascii_lowercase());
        let strict = match value.as_deref() {
            None | Some(b"false" | b"0") => Ok(false),
            Some(b"true" | b"1") => Ok(true),
            // Whoever asks for strictness in other words must not believe to have it.
            Some(_) => {
                let message = format!("`{STRICT}` is `true` or `false`.");
                Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(STRICT))
            }
        };
        ready(strict.and_then(|strict| {
            let guardrail = head::guardrail(request.headers())?;
            Ok(Self { strict, may_stream: true, guardrail })
        }))
    }
}

/// The HTTP answer.
pub(crate) fn respond(service: &InferenceService, arrived: Instant, answer: Answer) -> HttpResponse {
    let Answer { body, facts, dropped } = answer;
    let mut response = match body {
        Body::Whole(bytes) => {
            let mut response = HttpResponse::Ok().body(bytes);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Body::Events(pieces) => sse::respond(pieces),
        Body::AwsEvents(pieces) => sse::stream(bedrock::EVENT_STREAM, pieces),
    };
    let headers = response.headers_mut();
    if let Some(region) = &service.inner().region {
        headers.insert(HeaderName::from_static("x-outcrop-region"), region.clone());
    }
    headers.insert(HeaderName::from_static("x-outcrop-cache"), HeaderValue::from_static("bypass"));
    put(headers, "x-outcrop-model", &facts.model);
    put(headers, "server-timing", &server_timing(&facts, arrived.elapsed()));
    if !dropped.is_empty() {
        put(headers, "x-outcrop-dropped", &dropped.join(", "));
    }
    for (name, value) in &facts.told {
        put(headers, name, value);
    }
    for (name, value) in facts.rate.iter().flat_map(rate_limit) {
        put(headers, name, &value);
    }
    response
}

/// A model's name may hold what no header can; it is then left out.
fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// How the time so far was spent, milliseconds.
fn server_timing(facts: &Facts, total: Duration) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let mut text = String::with_capacity(48);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "gateway;dur={:.3}, upstream;dur={:.3}",
        millis(total.saturating_sub(facts.upstream)),
        millis(facts.upstream)
    );
    text
}

/// Where a limit stands, in OpenAI's headers.
pub(crate) fn rate_limit(state: &WindowState) -> [(&'static str, String); 3] {
    [
        (LIMIT, state.limit.to_string()),
        (REMAINING, state.remaining.to_string()),
        (RESET, in_words(state.reset_after)),
    ]
}

/// `59s`, `6m0s`, as OpenAI writes them; rounded up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_openais_do() {
        for (millis, words) in [(0, "0s"), (1, "1s"), (1000, "1s"), (59_001, "1m0s"), (360_000, "6m0s")] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
        }
    }
}
