//! A model that fails: before its answer, in the middle of it, or for a client that has gone.

use serde_json::{Value, json};

use crate::client::{ask, ask_streamed};
use crate::platform::Platform;
use crate::refusals::assert_error;
use crate::sse::Event;
use crate::wait::until;

pub(crate) async fn journey(platform: &Platform) {
    failures_have_their_status(platform).await;
    a_failure_that_passes_is_tried_again(platform).await;
    a_failure_in_mid_stream_is_told(platform).await;
    a_broken_connection_in_mid_stream_is_told(platform).await;
    a_generation_that_fails_is_told(platform).await;
    a_client_that_goes_ends_the_call(platform).await;
}

async fn failures_have_their_status(platform: &Platform) {
    for (fault, status, kind, code) in [
        ("throttling", 429, "rate_limit_error", Some("rate_limit_exceeded")),
        ("serviceUnavailable", 503, "server_error", Some("service_unavailable")),
        ("modelTimeout", 504, "server_error", Some("timeout")),
        ("modelError", 502, "server_error", Some("upstream_error")),
        ("disconnect", 503, "server_error", Some("service_unavailable")),
    ] {
        // Whatever is tried again fails again.
        let text = format!("[[fault: {fault}]] [[say: ok]]");
        for request in [ask(&text), ask_streamed(&text)] {
            assert_error(platform.admin.chat(&request).await, status, kind, code, None);
            platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
        }
    }
}

/// What costs nothing and passes is not the client's affair.
async fn a_failure_that_passes_is_tried_again(platform: &Platform) {
    for fault in ["throttling", "serviceUnavailable", "disconnect"] {
        platform.emulator.fail_next(fault, 0).await;
        platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    }
}

/// What a stream gave before its error, and the error; nothing may come after it.
fn broken_off(mut events: Vec<Event>) -> (String, Value) {
    let last = events.pop().expect("an event");
    assert!(!events.iter().chain([&last]).any(Event::is_done), "{events:#?}");
    let chunks: Vec<_> = events.iter().map(Event::json).collect();
    for chunk in &chunks {
        assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null, "{chunk}");
    }
    (crate::sse::text(&chunks), last.json()["error"].clone())
}

async fn a_failure_in_mid_stream_is_told(platform: &Platform) {
    for (fault, code) in [
        ("streamThrottling", "rate_limit_exceeded"),
        ("streamModelError", "upstream_error"),
        ("streamServiceUnavailable", "service_unavailable"),
    ] {
        platform.emulator.fail_next(fault, 4).await;
        let stream = platform.admin.chat_stream(&ask_streamed("[[say: one two three four five]]")).await;
        let id = stream.header("x-request-id");
        let (text, error) = broken_off(stream.rest().await);
        assert!("one two three four five".starts_with(&text) && !text.is_empty(), "{text}");
        assert_eq!(error["code"], code, "{error:#}");
        let record = platform.usage_of(&id).await;
        assert_eq!(
            (&record["outcome"], &record["estimated"]),
            (&json!("failed"), &json!(true)),
            "{record:#}"
        );
    }
}

async fn a_broken_connection_in_mid_stream_is_told(platform: &Platform) {
    platform.emulator.fail_next("cut", 4).await;
    let stream = platform.admin.chat_stream(&ask_streamed("[[say: one two three four five]]")).await;
    let (_, error) = broken_off(stream.rest().await);
    assert_eq!(error["type"], "server_error", "{error:#}");
}

async fn a_generation_that_fails_is_told(platform: &Platform) {
    let throttled = json!({ "prompt": "[[fault: throttling]] Hi" });
    let refused = platform.admin.post("/generate", &throttled).await.expect(429);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    platform.emulator.fail_next("streamThrottling", 4).await;
    let request = json!({ "prompt": "[[say: one two three four five]]", "stream": true });
    let events = platform.admin.stream("/generate", &request).await.rest().await;
    let last = events.last().unwrap();
    assert_eq!((last.name.as_deref(), &last.json()["code"]), (Some("error"), &json!("rate_limited")));
    assert!(!events.iter().any(|event| event.name.as_deref() == Some("done")), "{events:#?}");
}

async fn a_client_that_goes_ends_the_call(platform: &Platform) {
    let abandoned = platform.emulator.count("abandoned").await;
    platform.admin.chat_stream(&ask_streamed("[[tokens: 5]][[rate: 50]]")).await.chunks().await;
    assert_eq!(platform.emulator.count("abandoned").await, abandoned, "nobody went away");
    // Half an hour, if nobody ends it.
    let mut stream = platform.admin.chat_stream(&ask_streamed("[[tokens: 18000]][[rate: 10]]")).await;
    let id = stream.header("x-request-id");
    for _ in 0..3 {
        stream.next().await.expect("an event");
    }
    drop(stream);
    until("the call's end", async || (platform.emulator.count("abandoned").await > abandoned).then_some(()))
        .await;
    let record = platform.usage_of(&id).await;
    assert_eq!((&record["outcome"], &record["estimated"]), (&json!("cancelled"), &json!(true)), "{record:#}");
    assert!(record["tokens"]["input"].as_u64().unwrap() > 0, "{record:#}");
}
