//! `/generate` with `async`: the job worker answers later.

use std::sync::Arc;

use outcrop_emulator::Operation;
use reqwest::Method;
use serde_json::json;

use crate::desk::MemoryDesk;
use crate::harness::{Answer, MODEL, Setup, TestApp};

#[tokio::test]
async fn a_prompt_is_handed_over_and_answered_with_the_job() {
    let desk = Arc::new(MemoryDesk::default());
    let app = TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await;
    for path in ["/generate", "/v1/generate", "/api/v1/generate"] {
        let body = json!({"prompt": "Hi", "model": MODEL, "temperature": 0.1, "async": true, "priority": "low",
            "deadline": 3600});
        let request = app.request(Method::POST, path).header("idempotency-key", "k-1");
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), Some(&*format!("/v1/jobs/{id}")));
        let body = json!({"prompt": "Hi", "model": MODEL, "temperature": 0.1});
        assert_eq!(
            desk.asked(),
            json!({"path": path, "body": body, "priority": "low", "deadline": 3600}),
            "what says when is not part of what is asked"
        );
        let key = desk.asks.lock().unwrap().last().unwrap().idempotency_key.clone();
        assert_eq!(key.unwrap().as_str(), "k-1");
    }
    assert_eq!(app.counters[0].calls(Operation::Converse), 0, "no model was called");
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_at_once() {
    let desk = Arc::new(MemoryDesk::default());
    let app = TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await;
    let cases = [
        (json!({"prompt": "Hi", "async": true, "stream": true}), 400, "stream"),
        (json!({"prompt": " ", "async": true}), 400, "prompt"),
        (json!({"prompt": "Hi", "async": true, "model": "nonesuch"}), 404, "model"),
        (json!({"prompt": "Hi", "async": 1}), 400, "async"),
        (json!({"prompt": "Hi", "deadline": 60}), 400, "deadline"),
        (json!({"prompt": "Hi", "priority": "low", "async": false}), 400, "priority"),
    ];
    for (body, status, param) in cases {
        let answer = app.post("/generate", &body).await;
        assert_eq!((answer.status, &answer.json()["param"]), (status, &json!(param)), "{}", answer.text);
    }
    assert!(desk.asks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_job_workers_refusal_is_told_and_its_absence_is_no_fault_of_the_client() {
    let desk = Arc::new(MemoryDesk::default());
    let app = TestApp::with(Setup { desk: desk.clone(), ..Setup::default() }).await;
    desk.refuses(400, json!({"detail": "`priority` must be one of …", "param": "priority"}));
    let body = json!({"prompt": "Hi", "async": true, "priority": "now"});
    let answer = app.post("/generate", &body).await;
    assert_eq!((answer.status, &answer.json()["param"]), (400, &json!("priority")), "{}", answer.text);
    *desk.away.lock().unwrap() = true;
    assert_eq!(app.post("/generate", &body).await.status, 503);
}
