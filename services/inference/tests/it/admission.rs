//! Limits, as a client sees them.

use outcrop_config::LimitsConfig;
use serde_json::json;

use crate::harness::{Setup, TestApp};

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
