//! Limits, as a client sees them.

use outcrop_config::LimitsConfig;
use serde_json::json;

use crate::harness::{MODEL, Setup, TestApp};

#[tokio::test]
async fn a_limit_counts_down_and_then_refuses() {
    let limits = LimitsConfig { requests_per_minute_per_team: Some(2), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, ..Setup::default() }).await;
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    for remaining in ["1", "0"] {
        let answer = app.post("/v1/chat/completions", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(remaining));
        assert!(answer.header("x-ratelimit-reset-requests").unwrap().ends_with('s'));
    }
    let refused = app.post("/v1/chat/completions", &body).await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("team"), "{}", refused.text);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(
        app.post("/generate", &json!({"prompt": "hi"})).await.status,
        429,
        "one count for all dialects"
    );
    assert_eq!(app.get("/v1/models").await.status, 200, "only model calls are counted");
}

#[tokio::test]
async fn several_answers_are_let_in_together_or_not_at_all() {
    let limits = LimitsConfig { requests_per_minute_per_team: Some(4), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, ..Setup::default() }).await;
    for stream in [false, true] {
        let body = json!({"messages": [{"role": "user", "content": "hi"}], "n": 5, "stream": stream});
        let refused = app.post("/v1/chat/completions", &body).await;
        assert_eq!(refused.status, 429, "{}", refused.text);
        assert!(refused.text.contains("counts as 5"), "{}", refused.text);
        assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("4"), "nothing is counted");
    }
    let body = json!({"model": MODEL, "prompt": ["a", "b"], "n": 3});
    assert_eq!(app.post("/v1/completions", &body).await.status, 429);
    assert!(app.ledger.records.lock().unwrap().is_empty(), "no model was called");
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "n": 4});
    let answer = app.post("/v1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(app.records(4).await.len(), 4);
}

#[tokio::test]
async fn texts_count_as_often_as_the_model_is_called_for_them() {
    let limits = LimitsConfig { requests_per_minute_per_team: Some(4), ..LimitsConfig::default() };
    let app = TestApp::with(Setup { limits, ..Setup::default() }).await;
    let asked = |model: &str, texts: usize| json!({"model": model, "input": vec!["a"; texts]});
    for (model, texts, status, remaining) in [
        // Titan takes one text at a time, Cohere 96.
        ("titan-embed-text-v2", 5, 429, "4"),
        ("cohere-embed-multilingual-v3", 97, 200, "2"),
        ("titan-embed-text-v2", 2, 200, "0"),
    ] {
        let answer = app.post("/v1/embeddings", &asked(model, texts)).await;
        assert_eq!(answer.status, status, "{model}: {}", answer.text);
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(remaining), "{model}");
    }
}
