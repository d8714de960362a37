//! What requests say of themselves, in usage records.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};

async fn app() -> TestApp {
    let tags = ["feature", "user_id"].map(str::to_owned).to_vec();
    TestApp::with(Setup { tags, ..Setup::default() }).await
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn converse() -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]})
}

#[tokio::test]
async fn metadata_of_every_dialect_is_kept_as_far_as_settings_name_it() {
    let app = app().await;
    let turn = json!([{"role": "user", "content": "hi"}]);
    let metadata = json!({"feature": "search", "other": "x"});
    let mut converse = converse();
    converse["requestMetadata"] = metadata.clone();
    for (at, (path, body, expected)) in [
        ("/v1/chat/completions", json!({"messages": turn, "metadata": metadata}), ("feature", "search")),
        (
            "/v1/responses",
            json!({"input": "hi", "store": false, "metadata": metadata}),
            ("feature", "search"),
        ),
        (
            "/v1/messages",
            json!({"model": MODEL, "messages": turn, "max_tokens": 9, "metadata": {"user_id": "u1"}}),
            ("user_id", "u1"),
        ),
        (
            "/v1/messages",
            json!({"model": "nova-micro", "messages": turn, "max_tokens": 9, "metadata": {"user_id": "u1"}}),
            ("user_id", "u1"),
        ),
        ("/model/claude-haiku-4-5/converse", converse, ("feature", "search")),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = app.post(path, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!(record.tags, tags(&[expected]), "{path}");
    }
}

#[tokio::test]
async fn the_header_goes_with_every_operation_and_wins() {
    let app = app().await;
    let turn = json!([{"role": "user", "content": "hi"}]);
    let cases = [
        ("/v1/chat/completions", json!({"messages": turn, "metadata": {"feature": "other"}})),
        ("/v1/completions", json!({"model": MODEL, "prompt": "hi"})),
        ("/v1/messages", json!({"model": MODEL, "messages": turn, "max_tokens": 9})),
        ("/generate", json!({"prompt": "hi"})),
        ("/v1/embeddings", json!({"input": "hi"})),
        ("/model/claude-haiku-4-5/converse", converse()),
        ("/model/claude-haiku-4-5/converse-stream", converse()),
        (
            "/model/claude-haiku-4-5/invoke",
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": turn}),
        ),
    ];
    for (at, (path, body)) in cases.into_iter().enumerate() {
        let request = app.request(reqwest::Method::POST, path).header("content-type", "application/json");
        let request = request.header("x-outcrop-tags", "feature=chat, unknown=1").body(body.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.bytes().await.unwrap();
        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!(record.tags, tags(&[("feature", "chat")]), "{path}");
    }
}

#[tokio::test]
async fn a_header_that_is_no_list_is_refused_by_name() {
    let app = app().await;
    let turn = json!([{"role": "user", "content": "hi"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"messages": turn})),
        ("/v1/messages", json!({"model": MODEL, "messages": turn, "max_tokens": 9})),
        ("/model/claude-haiku-4-5/converse", converse()),
        ("/model/claude-haiku-4-5/invoke", json!({})),
    ] {
        for wrong in ["feature", "feature=", "=x", "feature=1,feature=2"] {
            let request = app.request(reqwest::Method::POST, path).header("content-type", "application/json");
            let request = request.header("x-outcrop-tags", wrong).body(body.to_string());
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 400, "{path} {wrong}");
            let text = answer.text().await.unwrap();
            assert!(text.contains("x-outcrop-tags"), "{path} {wrong}: {text}");
        }
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
}
