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
async fn a_broken_answer_is_recorded_and_a_connection_that_never_was_is_not() {
    let app = TestApp::start().await;
    for stream in [false, true] {
        for fault in ["disconnect", "cut"] {
            let mut body = say(&format!("[[fault: {fault}]]"));
            body["stream"] = stream.into();
            let answer = app.post(PATH, &body).await;
            assert_eq!(answer.status, 503, "{fault}, {stream}: {}", answer.text);
            assert!(!answer.text.contains("credentials"), "{}", answer.text);
            if fault == "disconnect" {
                assert_eq!(
                    answer.json()["error"]["message"],
                    "Bedrock could not be reached",
                    "{}",
                    answer.text
                );
            }
        }
    }
    app.post(PATH, &say("the last")).await;
    let records = app.records(3).await;
    let failed: Vec<_> = records.iter().filter(|it| it.outcome == Outcome::Failed).collect();
    assert_eq!((records.len(), failed.len()), (3, 2), "{records:?}");
    for record in failed {
        assert!(record.estimated && record.tokens.input > 0, "{record:?}");
        assert_eq!(record.error.as_deref(), Some("unavailable"));
    }
}

#[tokio::test]
async fn model_names_that_are_no_names_are_unknown() {
    let app = TestApp::with(Setup { allow_arns: true, ..Setup::default() }).await;
    let arn = "arn:aws:bedrock:us-east-1:111122223333:imported-model/";
    for name in
        ["x".repeat(70_000), format!("{arn}{}", "x".repeat(70_000)), format!("{arn}\r\n"), format!("{arn}ä")]
    {
        let mut body = say("hi");
        body["model"] = name.as_str().into();
        for path in [PATH, "/v1/generate"] {
            if path != PATH {
                body = json!({"model": name.as_str(), "prompt": "hi"});
            }
            let answer = app.post(path, &body).await;
            assert_eq!(answer.status, 404, "{path}, {name:.80}: {:.200}", answer.text);
            assert!(answer.text.len() < 2_000, "{} bytes", answer.text.len());
        }
    }
}

#[tokio::test]
async fn what_the_operator_does_not_list_cannot_be_called_by_its_arn() {
    let app = TestApp::start().await;
    let mut body = say("hi");
    body["model"] =
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6".into();
    let answer = app.post(PATH, &body).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("model_not_found")));
    let app = TestApp::with(Setup { allow_arns: true, ..Setup::default() }).await;
    assert_eq!(app.post(PATH, &body).await.status, 200);
}

/// Everything that becomes part of the call, as long and as strange as a body can make it.
#[tokio::test]
async fn no_input_breaks_the_call() {
    let app = TestApp::start().await;
    let strange = "\u{0}\r\n\u{7f}\u{feff}\u{1f600}\u{2028}\"\\".repeat(20);
    for word in ["y".repeat(70_000), strange] {
        let word = word.as_str();
        let mut body = say(word);
        body["metadata"] = json!({word: word, "a": word});
        body["user"] = word.into();
        body["safety_identifier"] = word.into();
        body["stop"] = json!([word]);
        body["messages"] = json!([
            {"role": "system", "content": word},
            {"role": "user", "content": word},
            {"role": "assistant", "tool_calls": [
                {"id": word, "type": "function", "function": {"name": word, "arguments": json!({word: word}).to_string()}}
            ]},
            {"role": "tool", "tool_call_id": word, "content": word},
        ]);
        body["tools"] = json!([{"type": "function", "function": {
            "name": word, "description": word,
            "parameters": {"type": "object", "properties": {word: {"type": "string", "description": word}}}
        }}]);
        for stream in [false, true] {
            body["stream"] = stream.into();
            let answer = app.request(reqwest::Method::POST, PATH).header("x-request-id", "a");
            let answer = answer.body(body.to_string()).send().await.expect("an answer, whatever it is");
            let status = answer.status().as_u16();
            assert!([200, 400].contains(&status), "{status}: {}", answer.text().await.unwrap());
        }
    }
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let app = TestApp::start().await;
    let mut two = say("hi");
    two["n"] = 99.into();
    let mut unknown = say("hi");
    unknown["model"] = "gpt-nonesuch".into();
    let with = |field: &str, value: Value| {
        let mut body = say("hi");
        body[field] = value;
        body
    };
    let tools = |parameters: Value| {
        with("tools", json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]))
    };
    let mut many_stops = with("stop", json!(["a", "b", "c", "d", "e"]));
    many_stops["model"] = "nova-lite".into();
    let huge = tools(json!({"type": "object", "x": vec![0; 500_000]}));
    let cases = [
        (two, 400, "n", Value::Null),
        (json!({"model": MODEL}), 400, "messages", Value::Null),
        (json!({"model": MODEL, "messages": []}), 400, "messages", Value::Null),
        (unknown, 404, "model", json!("model_not_found")),
        (with("max_tokens", 1_000_000.into()), 400, "max_tokens", Value::Null),
        (with("max_completion_tokens", 1_000_000.into()), 400, "max_completion_tokens", Value::Null),
        (tools(json!({"type": "string"})), 400, "tools[0].function.parameters", Value::Null),
        (many_stops, 400, "stop", Value::Null),
    ];
    for (body, status, param, code) in cases {
        let answer = app.post(PATH, &body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["param"]), (status, &json!(param)), "{}", answer.text);
        assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &code));
    }
    let answer = app.post(PATH, &huge).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("too many elements"), "{}", answer.text);
    // White space alone is no stop string for Claude, and no reason to refuse.
    let answer = app.post(PATH, &with("stop", json!(["\n"]))).await;
    assert_eq!((answer.status, answer.header("x-outcrop-dropped")), (200, Some("stop")), "{}", answer.text);
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
