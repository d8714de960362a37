//! `POST /generate`.

use serde_json::json;

use crate::harness::{MODEL, TestApp};

#[tokio::test]
async fn a_prompt_is_answered_whole_and_in_pieces() {
    let app = TestApp::start().await;
    for path in ["/generate", "/v1/generate"] {
        let answer = app.post(path, &json!({"prompt": "[[say: Hello]]", "max_tokens": 50})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let body = answer.json();
        assert_eq!((&body["text"], &body["model"]), (&json!("Hello"), &json!(MODEL)));
        assert_eq!(body["stop_reason"], "end_turn");
        assert_eq!(answer.header("x-outcrop-region"), Some("us-east-1"));
    }
    let answer = app.post("/generate", &json!({"prompt": "[[say: one two]]", "stream": true})).await;
    assert!(answer.text.starts_with("event: start\n"), "{}", answer.text);
    assert!(answer.text.contains("\nevent: done\n"), "{}", answer.text);
    let text: String = answer.events().iter().filter_map(|it| it["text"].as_str()).collect();
    assert_eq!(text, "one two");
    let records = app.records(3).await;
    assert!(records.iter().all(|it| it.dialect == "outcrop"), "{records:?}");
}

#[tokio::test]
async fn failures_are_problems() {
    let app = TestApp::start().await;
    let answer = app.post("/generate", &json!({"prompt": "hi", "model": "nonesuch"})).await;
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(answer.json()["code"], "model_not_found");
    let answer = app.post("/generate", &json!({"prompt": "hi", "promt": 1})).await;
    assert_eq!((answer.status, &answer.json()["param"]), (400, &json!("promt")));
}

#[tokio::test]
async fn our_own_resources_stand_below_api_too() {
    let app = TestApp::start().await;
    let answer = app.post("/api/v1/generate", &json!({"prompt": "[[say: hi]]"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let record = app.records(1).await.remove(0);
    assert_eq!(record.dialect, "outcrop");
    let usage = app.get("/api/v1/usage").await;
    assert_eq!(usage.status, 200, "{}", usage.text);
}
