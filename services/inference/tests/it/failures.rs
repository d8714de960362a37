//! What a client sees when something goes wrong.

use outcrop_types::{Outcome, Role};
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};

const PATH: &str = "/v1/chat/completions";

fn say(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn bedrocks_failures_become_openais() {
    let app = TestApp::start().await;
    let cases = [
        ("throttling", 429, "rate_limit_error", json!("rate_limit_exceeded")),
        ("modelNotReady", 429, "rate_limit_error", json!("rate_limit_exceeded")),
        ("internalServer", 500, "server_error", Value::Null),
        ("serviceUnavailable", 503, "server_error", json!("service_unavailable")),
        ("modelTimeout", 504, "server_error", json!("timeout")),
        ("modelError", 502, "server_error", json!("upstream_error")),
        ("accessDenied", 403, "permission_error", json!("permission_denied")),
    ];
    for stream in [false, true] {
        for (fault, status, kind, code) in &cases {
            let mut body = say(&format!("[[fault: {fault}]]"));
            body["stream"] = stream.into();
            let answer = app.post(PATH, &body).await;
            assert_eq!(answer.status, *status, "{fault}: {}", answer.text);
            let error = &answer.json()["error"];
            assert_eq!((&error["type"], &error["code"]), (&json!(kind), code), "{fault}");
            assert!(!answer.text.contains("arn:"), "{}", answer.text);
        }
    }
    // Only what Bedrock may have charged for is recorded.
    let records = app.records(4).await;
    assert!(records.iter().all(|it| it.outcome == Outcome::Failed && it.estimated), "{records:?}");
    let mut errors: Vec<_> = records.iter().filter_map(|it| it.error.as_deref()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["timeout", "timeout", "upstream", "upstream"]);
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let app = TestApp::start().await;
    let mut two = say("hi");
    two["n"] = 2.into();
    let mut unknown = say("hi");
    unknown["model"] = "gpt-nonesuch".into();
    let cases = [
        (two, 400, "n", Value::Null),
        (json!({"model": MODEL}), 400, "messages", Value::Null),
        (json!({"model": MODEL, "messages": []}), 400, "messages", Value::Null),
        (unknown, 404, "model", json!("model_not_found")),
    ];
    for (body, status, param, code) in cases {
        let answer = app.post(PATH, &body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"]), (status, &json!(param)), "{}", answer.text);
        assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &code));
    }
}

#[tokio::test]
async fn a_failure_in_mid_stream_is_an_event_and_no_end() {
    let app = TestApp::start().await;
    for fault in ["streamThrottling after 4", "streamModelError after 4", "cut after 4"] {
        let mut body = say(&format!("[[fault: {fault}]] [[tokens: 40]] [[chunk: 1]]"));
        body["stream"] = true.into();
        let answer = app.post(PATH, &body).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains("[DONE]"), "{fault}: {}", answer.text);
        let last = answer.events().pop().unwrap();
        assert!(last["error"]["message"].is_string(), "{fault}: {}", answer.text);
        assert!(!answer.text.contains("\"finish_reason\":\""), "{fault}: {}", answer.text);
    }
    let records = app.records(3).await;
    assert!(records.iter().all(|it| it.outcome == Outcome::Failed && it.estimated && it.streamed));
}

#[tokio::test]
async fn who_may_not_call_models_is_told() {
    let app = TestApp::with(Setup { role: Role::Viewer, ..Setup::default() }).await;
    let answer = app.post(PATH, &say("hi")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("inference:invoke"), "{}", answer.text);
    assert_eq!(app.get("/v1/models").await.status, 200);
}
