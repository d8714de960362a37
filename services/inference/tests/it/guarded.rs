//! What every dialect has in common beside its own fields: guardrails, and names for what nobody knows.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, TestApp};

const ID: &str = "x-amzn-bedrock-guardrailidentifier";
const VERSION: &str = "x-amzn-bedrock-guardrailversion";
const TRACE: &str = "x-amzn-bedrock-trace";

async fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = app.request(Method::POST, path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_string()).send().await.unwrap()).await
}

/// A request in each dialect that chats.
fn requests() -> [(&'static str, Value); 6] {
    let turns = json!([{"role": "user", "content": "hi"}]);
    [
        ("/v1/chat/completions", json!({"model": MODEL, "messages": turns})),
        ("/v1/responses", json!({"model": MODEL, "input": "hi"})),
        ("/v1/completions", json!({"model": MODEL, "prompt": "hi"})),
        ("/v1/messages", json!({"model": MODEL, "messages": turns, "max_tokens": 99})),
        ("/v1/messages", json!({"model": "nova-lite", "messages": turns, "max_tokens": 99})),
        ("/generate", json!({"model": MODEL, "prompt": "hi"})),
    ]
}

#[tokio::test]
async fn headers_name_a_guardrail_on_every_route() {
    let app = TestApp::start().await;
    for (path, body) in requests() {
        let good = post(&app, path, &[(ID, "gr1"), (VERSION, "1")], &body).await;
        assert_eq!(good.status, 200, "{path}: {}", good.text);
        for (id, version, header) in
            [("gr-1", "1", ID), ("gr1", "0", VERSION), ("gr1", "latest", VERSION), ("", "1", ID)]
        {
            let refused = post(&app, path, &[(ID, id), (VERSION, version)], &body).await;
            assert_eq!(refused.status, 400, "{path}: {}", refused.text);
            assert!(refused.text.contains(header), "{path}: {}", refused.text);
        }
    }
    let (path, mut body) = requests().into_iter().next().unwrap();
    let headers = [(ID, "gr1"), (VERSION, "DRAFT"), (TRACE, "ENABLED")];
    assert!(post(&app, path, &headers, &body).await.json()["trace"].is_object(), "it looks on");
    body["guardrail"] = json!({"guardrailIdentifier": "gr2", "guardrailVersion": "1", "trace": "disabled"});
    assert!(
        post(&app, path, &headers, &body).await.json().get("trace").is_none(),
        "the body's own is before it"
    );
}

#[tokio::test]
async fn unknown_fields_are_named_and_refused_where_that_is_asked_for() {
    let app = TestApp::start().await;
    let others = [
        ("/v1/embeddings", json!({"model": "titan-embed-text-v2", "input": "hi"})),
        ("/v1/rerank", json!({"model": "cohere-rerank-v3-5", "query": "a", "documents": ["a"]})),
    ];
    // What Claude is sent passes through, and our own dialect refuses what it does not know.
    let requests =
        requests().into_iter().enumerate().filter(|(at, _)| ![3, 5].contains(at)).map(|(_, it)| it);
    for (path, mut body) in requests.chain(others) {
        body["temprature"] = json!(0.2);
        let answer = post(&app, path, &[], &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let dropped = answer.header("x-outcrop-dropped").unwrap_or_default();
        assert!(dropped.split(", ").any(|it| it == "temprature"), "{path}: {dropped}");
        let strict = post(&app, path, &[("x-outcrop-strict", "true")], &body).await;
        assert_eq!(strict.status, 400, "{path}: {}", strict.text);
        assert!(strict.text.contains("temprature"), "{path}: {}", strict.text);
    }
}

#[tokio::test]
async fn a_claude_without_structured_outputs_is_held_to_a_shape_all_the_same() {
    let app = TestApp::start().await;
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    for model in ["claude-3-7-sonnet", "claude-opus-5-5"] {
        let body = json!({
            "model": model, "max_tokens": 2000,
            "messages": [{"role": "user", "content": "hi"}],
            "output_config": {"format": {"type": "json_schema", "schema": schema}}});
        let answer = post(&app, "/v1/messages", &[], &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        let way = answer.header("x-outcrop-structured-output");
        assert!(way.is_some_and(|it| it != "native"), "{model}: {way:?}");
    }
}

#[tokio::test]
async fn what_bedrock_would_refuse_is_refused_by_the_clients_name_for_it() {
    let app = TestApp::start().await;
    let turns = json!([{"role": "user", "content": "hi"}]);
    let cases = [
        (
            "/v1/images/generations",
            json!({"model": "nova-canvas", "prompt": "a", "seed": 858_993_460}),
            "seed",
        ),
        (
            "/v1/chat/completions",
            json!({"model": MODEL, "messages": turns, "web_search_options": {}}),
            "web_search_options",
        ),
    ];
    for (path, body, param) in cases {
        let refused = post(&app, path, &[], &body).await;
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)), "{path}");
    }
    // Strictness is about what was sent.
    let legacy = json!({"model": "nova-lite", "messages": turns, "functions": [{"name": "f", "parameters": {"type": "object"}}]});
    let answer = post(&app, "/v1/chat/completions", &[("x-outcrop-strict", "true")], &legacy).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn the_only_stop_sequence_is_told() {
    let app = TestApp::start().await;
    for stream in [false, true] {
        let body = json!({
            "model": "nova-lite", "max_tokens": 99, "stream": stream, "stop_sequences": ["END"],
            "messages": [{"role": "user", "content": "[[say: one END two]][[stop: stop_sequence]]"}]});
        let answer = post(&app, "/v1/messages", &[], &body).await;
        assert!(answer.text.contains("\"stop_sequence\":\"END\""), "{}", answer.text);
    }
}
