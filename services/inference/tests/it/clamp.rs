//! The most tokens that a policy lets a model be asked for.

use outcrop_types::Rules;
use serde_json::{Value, json};

use crate::harness::{Answer, MODEL, Setup, TestApp};

async fn app(most: u32) -> TestApp {
    let rules = Rules { max_output_tokens: Some(most), ..Rules::default() };
    TestApp::with(Setup { rules, ..Setup::default() }).await
}

/// How many tokens are asked for, and asked of the emulator: as many words as it is asked for, and no more.
const WORDS: &str = "[[tokens: 500]]";

fn turn() -> Value {
    json!([{"role": "user", "content": WORDS}])
}

fn converse(max_tokens: Option<u32>) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": [{"text": WORDS}]}]});
    if let Some(max_tokens) = max_tokens {
        body["inferenceConfig"] = json!({"maxTokens": max_tokens});
    }
    body
}

#[track_caller]
fn held(path: &str, answer: &Answer, most: Option<&str>) {
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert_eq!(answer.header("x-outcrop-max-tokens"), most, "{path}");
}

#[tokio::test]
async fn every_dialect_asks_for_no_more() {
    let app = app(20).await;
    let cases = [
        ("/v1/chat/completions", json!({"messages": turn(), "max_tokens": 300})),
        ("/v1/chat/completions", json!({"messages": turn(), "max_completion_tokens": 300})),
        ("/v1/chat/completions", json!({"messages": turn()})),
        ("/v1/completions", json!({"model": MODEL, "prompt": WORDS, "max_tokens": 300})),
        ("/v1/responses", json!({"input": WORDS, "store": false, "max_output_tokens": 300})),
        ("/v1/messages", json!({"model": MODEL, "messages": turn(), "max_tokens": 300})),
        ("/v1/messages", json!({"model": "nova-micro", "messages": turn(), "max_tokens": 300})),
        ("/generate", json!({"prompt": WORDS, "max_tokens": 300})),
        ("/model/claude-haiku-4-5/converse", converse(Some(300))),
        ("/model/claude-haiku-4-5/converse", converse(None)),
    ];
    for (at, (path, body)) in cases.into_iter().enumerate() {
        let answer = app.post(path, &body).await;
        held(path, &answer, Some("20"));
        let record = app.records(at + 1).await.pop().unwrap();
        assert!(record.tokens.output <= 20, "{path}: {:?}", record.tokens);
        assert_eq!(record.stop_reason.as_deref(), Some("max_tokens"), "{path}");
    }
}

#[tokio::test]
async fn a_policys_default_is_more_than_a_dialects() {
    let body = json!({"model": MODEL, "prompt": WORDS});
    for (default_output_tokens, clamp, output) in
        [(Some(5), Some(10), 5), (Some(30), None, 30), (None, Some(10), 10), (None, None, 16)]
    {
        let rules = Rules { default_output_tokens, max_output_tokens: clamp, ..Rules::default() };
        let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
        let answer = app.post("/v1/completions", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(
            answer.json()["usage"]["completion_tokens"],
            output,
            "{default_output_tokens:?} {clamp:?}"
        );
    }
}

#[tokio::test]
async fn what_fits_is_left_alone() {
    let app = app(600).await;
    for (path, body) in [
        ("/v1/chat/completions", json!({"messages": turn(), "max_tokens": 30})),
        ("/v1/messages", json!({"model": MODEL, "messages": turn(), "max_tokens": 30})),
        ("/model/claude-haiku-4-5/converse", converse(Some(30))),
    ] {
        held(path, &app.post(path, &body).await, None);
    }
}

#[tokio::test]
async fn a_body_in_the_models_own_words_is_refused_if_it_asks_for_more() {
    let app = app(20).await;
    let body = |max_tokens: u32| json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": max_tokens, "messages": turn()});
    let path = "/model/claude-haiku-4-5/invoke";
    assert_eq!(app.post(path, &body(20)).await.status, 200);
    let refused = app.post(path, &body(21)).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(app.records(1).await.len(), 1);
}

#[tokio::test]
async fn thought_gives_way_and_is_named() {
    let app = app(1_500).await;
    let body = json!({
        "model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 16_000,
        "thinking": {"type": "enabled", "budget_tokens": 8_000},
    });
    let answer = app.post("/v1/messages", &body).await;
    held("/v1/messages", &answer, Some("1500"));
    assert_eq!(answer.header("x-outcrop-dropped"), Some("thinking"), "{}", answer.text);
    let strict = app.request(reqwest::Method::POST, "/v1/messages").header("x-outcrop-strict", "true");
    let refused =
        strict.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    assert_eq!(refused.status(), 400);
}
