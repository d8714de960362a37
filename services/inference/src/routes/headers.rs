//! The headers that answers carry, and the one that requests may.

use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use outcrop_http::{ApiError, FromService, RESPONSE_ID_HEADER, RequestContext, USED_HEADER, sse};
use outcrop_ports::Kind;
use outcrop_types::{ErrorCode, ResponseId};
use outcrop_wire::bedrock;

use super::invoke::head;
use crate::admission::{Exceeded, Standing};
use crate::answer::{Answer, Body, Manner};
use crate::chat::Facts;
use crate::response_cache::Wish;
use crate::tags::Tags;

const STRICT: &str = "x-outcrop-strict";
const DROPPED: &str = "x-outcrop-dropped";
/// What was tried for a call, where that is more than one target.
pub(crate) const ATTEMPTS: &str = "x-outcrop-attempts";
/// What an answer cost, US dollars.
const COST: &str = "x-outcrop-cost-usd";
pub(crate) const LIMIT: &str = "x-ratelimit-limit-requests";
pub(crate) const REMAINING: &str = "x-ratelimit-remaining-requests";
pub(crate) const RESET: &str = "x-ratelimit-reset-requests";
pub(crate) const TOKENS: [&str; 3] =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

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
            let tags = Tags::read(request.headers())?;
            let cache = Wish::read(request.headers())?;
            let response = response(request)?;
            Ok(Self { strict, may_stream: true, guardrail, tags, cache, response })
        }))
    }
}

/// The id under which a job's answer is kept, as the job worker says it.
fn response(request: &HttpRequest) -> Result<Option<ResponseId>, ApiError> {
    let given = request.headers().get(RESPONSE_ID_HEADER);
    let Some(value) = given.filter(|_| request.extensions().contains::<FromService>()) else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || ApiError::new(ErrorCode::InvalidRequest, "this is no id of a response");
    id.map(Some).ok_or_else(|| wrong().with_param(RESPONSE_ID_HEADER))
}

/// Names what was asked for and has no effect.
pub(crate) fn put_dropped(answer: &mut HttpResponse, dropped: &[String]) {
    if !dropped.is_empty() {
        put(answer.headers_mut(), DROPPED, &dropped.join(", "));
    }
}

/// The HTTP answer.
pub(crate) fn respond(context: &RequestContext, answer: Answer) -> HttpResponse {
    let Answer { body, facts, dropped } = answer;
    let is_whole = matches!(body, Body::Whole(_));
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
    put_route(headers, &facts);
    put_found(headers, &facts);
    put(headers, "server-timing", &server_timing(&facts, context.arrived.elapsed()));
    if is_whole {
        put_used(headers, context);
    }
    if !dropped.is_empty() {
        put(headers, DROPPED, &dropped.join(", "));
    }
    for (name, value) in &facts.told {
        put(headers, name, value);
    }
    for (name, value) in facts.standings.iter().flat_map(rate_limit) {
        put(headers, name, &value);
    }
    response
}

/// Where the answer comes from.
fn put_route(headers: &mut HeaderMap, facts: &Facts) {
    put(headers, "x-outcrop-model", &facts.model);
    if let Some(place) = &facts.place {
        put(headers, "x-outcrop-region", place.region.as_str());
    }
    if let Some(route) = &facts.route {
        put(headers, "x-outcrop-route", route);
    }
    if facts.attempts.are_told() {
        put(headers, ATTEMPTS, &facts.attempts.to_string());
    }
}

/// Whether the answer was there already, and what guardrails found.
fn put_found(headers: &mut HeaderMap, facts: &Facts) {
    put(headers, "x-outcrop-cache", facts.cache.name());
    if let Some(age) = facts.age {
        put(headers, "age", &age.as_secs().to_string());
    }
    if !facts.guardrail.is_none() {
        put(headers, "x-outcrop-guardrail", facts.guardrail.name());
    }
}

/// What the answer cost, where that is known of all calls that were made for it. What a stream costs nobody knows at its
/// beginning.
fn put_used(headers: &mut HeaderMap, context: &RequestContext) {
    let used = context.spent.sum();
    if used.unpriced == 0 {
        put(headers, COST, &used.cost.to_string());
    }
    if context.way.is_some()
        && let Ok(used) = serde_json::to_string(&used)
    {
        put(headers, USED_HEADER, &used);
    }
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

/// Where a limit stands, in OpenAI's headers; it has some for requests and for tokens. A limit of 0 has room at no time.
pub(crate) fn rate_limit(standing: &Standing) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let Standing { kind, state } = *standing;
    let names = match kind {
        Kind::Requests => Some([LIMIT, REMAINING, RESET]),
        Kind::Tokens => Some(TOKENS),
        Kind::Concurrency | Kind::Money => None,
    };
    let values = [state.limit.to_string(), state.remaining().to_string(), in_words(state.reset_after)];
    let said = if state.limit == 0 { 2 } else { 3 };
    names.into_iter().flat_map(move |names| names.into_iter().zip(values.clone()).take(said))
}

/// Which limit has no room: `level=team; kind=money; policy=pol_…`.
pub(crate) fn limit(exceeded: &Exceeded) -> String {
    let mut text = format!("level={}; kind={}", exceeded.limit.level, exceeded.kind());
    if let Some(policy) = exceeded.limit.policy {
        // Writing to a string does not fail.
        let _ = write!(text, "; policy={policy}");
    }
    text
}

/// Milliseconds, rounded up: whoever comes back a fraction too early is refused again.
pub(crate) fn whole_millis(time: Duration) -> String {
    time.as_micros().div_ceil(1000).to_string()
}

/// `59s`, `6m0s`, as OpenAI writes them; rounded up.
fn in_words(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

/// What [`in_words`] says; nothing where it does not speak so.
pub(crate) fn from_words(words: &str) -> Duration {
    let (minutes, rest) = words.split_once('m').unwrap_or(("0", words));
    let seconds = rest.strip_suffix('s').unwrap_or_default();
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    Duration::from_secs(number(minutes).saturating_mul(60).saturating_add(number(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_openais_do() {
        for (millis, words) in [(0, "0s"), (1, "1s"), (1000, "1s"), (59_001, "1m0s"), (360_000, "6m0s")] {
            assert_eq!(in_words(Duration::from_millis(millis)), words);
            assert_eq!(
                from_words(words),
                Duration::from_millis(u64::div_ceil(millis, 1000) * 1000),
                "{words}"
            );
        }
    }
}
