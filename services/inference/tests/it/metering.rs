//! What is recorded of a call.

use std::sync::atomic::Ordering;

use outcrop_types::Outcome;
use serde_json::json;

use crate::harness::{MODEL, Setup, TestApp, principal};

const PATH: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_call_is_recorded_with_what_bedrock_reports() {
    let app = TestApp::start().await;
    let prompt = "[[say: hi]] [[usage: input=10,output=5,cacheRead=3,cacheWrite=2]]";
    let request = app.request(reqwest::Method::POST, PATH).header("x-request-id", "my-request");
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": prompt}]});
    assert_eq!(request.body(body.to_string()).send().await.unwrap().status(), 200);
    let record = app.records(1).await.remove(0);
    let caller = principal(outcrop_types::Role::Developer);
    assert_eq!((record.team, record.subject, record.key), (caller.team, caller.subject, caller.key));
    assert_eq!(record.request_id.as_str(), "my-request");
    assert_eq!((record.dialect.as_str(), record.operation.as_str()), ("openai", "chat"));
    assert_eq!((record.model_asked.as_str(), record.region.as_str()), (MODEL, "us-east-1"));
    assert!(record.model_served.contains("anthropic.claude-haiku-4-5"));
    let tokens = record.tokens;
    assert_eq!((tokens.input, tokens.cache_read, tokens.cache_write_5m, tokens.output), (10, 3, 2, 5));
    assert_eq!((record.outcome, record.estimated, record.streamed), (Outcome::Completed, false, false));
    assert_eq!((record.stop_reason.as_deref(), record.first_token_ms), (Some("end_turn"), None));

    let usage = app.get("/v1/usage?limit=1").await.json();
    assert_eq!(usage["data"][0]["request_id"], "my-request", "{usage}");
    assert_eq!(usage["has_more"], false);
    assert_eq!(app.get("/v1/usage?limit=0").await.status, 400);
}

#[tokio::test]
async fn a_client_that_goes_away_is_metered_as_cancelled() {
    let app = TestApp::start().await;
    for stream in [true, false] {
        // Fifty tokens a second: four seconds of answer, if anybody waited for it.
        let content = "[[tokens: 200]] [[chunk: 1]] [[rate: 50]]";
        let body = json!({"messages": [{"role": "user", "content": content}], "stream": stream});
        if stream {
            let mut response = app.send(PATH, &body).await;
            assert!(response.chunk().await.unwrap().is_some());
        } else {
            let waiting = tokio::time::timeout(std::time::Duration::from_millis(300), app.send(PATH, &body));
            assert!(waiting.await.is_err(), "answered before the client could go away");
        }
        let record = app.records(if stream { 1 } else { 2 }).await.pop().unwrap();
        assert_eq!((record.outcome, record.estimated, record.streamed), (Outcome::Cancelled, true, stream));
        assert!(record.tokens.input > 0 && record.tokens.output < 200, "{record:?}");
        assert!(record.latency_ms < 3_500, "the call upstream ended with the client: {record:?}");
    }
}

#[tokio::test]
async fn a_full_spool_refuses_calls_until_the_ledger_is_back() {
    let app = TestApp::with(Setup { max_spool_bytes: 2_000, ..Setup::default() }).await;
    app.ledger.away.store(true, Ordering::SeqCst);
    let body = json!({"messages": [{"role": "user", "content": "hi"}]});
    let mut answered = 0;
    let refused = loop {
        let answer = app.post(PATH, &body).await;
        match answer.status {
            200 => answered += 1,
            _ => break answer,
        }
        assert!(answered < 50, "the bound holds");
    };
    assert!(answered > 0);
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert_eq!(refused.json()["error"]["code"], "service_unavailable");
    app.ledger.away.store(false, Ordering::SeqCst);
    assert_eq!(app.records(answered).await.len(), answered, "each call once");
    for _ in 0..500 {
        if app.post(PATH, &body).await.status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("calls are still refused");
}

#[tokio::test]
async fn the_last_calls_are_shipped_before_the_end() {
    let app = TestApp::start().await;
    // Two tenths of a second of answer, under way when the process is told to stop.
    let content = "[[tokens: 10]] [[chunk: 1]] [[rate: 50]]";
    let body = json!({"messages": [{"role": "user", "content": content}], "stream": true});
    let mut response = app.send(PATH, &body).await;
    assert!(response.chunk().await.unwrap().is_some());
    app.stop.cancel();
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    assert!(text.ends_with(b"data: [DONE]\n\n"), "{}", String::from_utf8_lossy(&text));
    let TestApp { background, ledger, .. } = app;
    background.await.unwrap();
    let records = ledger.records.lock().unwrap();
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Completed));
}
