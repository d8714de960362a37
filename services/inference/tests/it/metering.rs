//! What is recorded of a call.

use std::sync::atomic::Ordering;

use outcrop_ports::ModelCatalog as _;
use outcrop_types::{Money, Outcome, PriceTier};
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

#[tokio::test]
async fn a_record_says_what_a_call_costs() {
    let app = TestApp::start().await;
    let prompt = "[[say: hi]] [[usage: input=1000,output=500,cacheRead=2000,cacheWrite=100]]";
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": prompt}]});
    assert_eq!(app.post(PATH, &body).await.status, 200);
    let record = app.records(1).await.remove(0);
    let model = app.catalog.resolve(Some(MODEL)).unwrap();
    let price = app.catalog.price(&model, PriceTier::Standard, record.at.date_naive());
    let expected = price.and_then(|price| price.cost(&record.tokens));
    assert!(expected.as_ref().is_some_and(|cost| cost.usd > Money::ZERO), "{expected:?}");
    assert_eq!((record.cost, record.tier), (expected, PriceTier::Standard));
}

#[tokio::test]
async fn a_call_of_another_tier_costs_what_that_tier_does() {
    let app = TestApp::start().await;
    let body = json!({
        "model": "nova-pro", "service_tier": "flex", "messages": [{"role": "user", "content": "[[say: hi]]"}],
    });
    let answer = app.post(PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let record = app.records(1).await.remove(0);
    let model = app.catalog.resolve(Some("nova-pro")).unwrap();
    let price = app.catalog.price(&model, record.tier, record.at.date_naive());
    assert_eq!(record.cost, price.and_then(|price| price.cost(&record.tokens)));
    let served = answer.json()["service_tier"].as_str().map(str::to_owned);
    let expected = if served.as_deref() == Some("default") { PriceTier::Standard } else { PriceTier::Flex };
    assert_eq!(record.tier, expected, "as Bedrock says it served, else as asked: {served:?}");
}

#[tokio::test]
async fn a_call_that_its_process_did_not_outlive_is_recorded_as_reserved() {
    let killed = TestApp::start().await;
    // Four seconds of answer, in the middle of which the process is gone.
    let content = "[[tokens: 200]] [[chunk: 1]] [[rate: 50]]";
    let body = json!({"messages": [{"role": "user", "content": content}], "stream": true, "max_tokens": 300});
    let mut response = killed.send(PATH, &body).await;
    assert!(response.chunk().await.unwrap().is_some());
    assert_eq!(
        killed.post(PATH, &json!({"messages": []})).await.status,
        400,
        "costs nothing, and is not lost"
    );
    let left = tempfile::TempDir::new().unwrap();
    copy(&killed.spool(), left.path());

    let app = TestApp::with(Setup { spool: Some(left.path().to_owned()), ..Setup::default() }).await;
    let records = app.records(1).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.outcome, record.estimated), (Outcome::Lost, true));
    assert_eq!(record.tokens.output, 300, "as many as it may have written");
    assert!(record.tokens.input > 0 && record.cost.is_some(), "{record:?}");
    assert_eq!(record.team, principal(outcrop_types::Role::Developer).team);
    drop(response);
    let ended = killed.records(1).await.remove(0);
    assert_eq!(
        (ended.id, ended.outcome),
        (record.id, Outcome::Cancelled),
        "whichever comes first counts, once"
    );
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_call_that_is_refused_leaves_no_record() {
    let app = TestApp::start().await;
    let body = json!({"messages": [{"role": "user", "content": "[[fault: throttling]]"}]});
    let refused = app.post(PATH, &body).await;
    assert_ne!(refused.status, 200, "{}", refused.text);
    let left = tempfile::TempDir::new().unwrap();
    copy(&app.spool(), left.path());
    let next = TestApp::with(Setup { spool: Some(left.path().to_owned()), ..Setup::default() }).await;
    assert_eq!(next.post(PATH, &json!({"messages": [{"role": "user", "content": "hi"}]})).await.status, 200);
    let records = next.records(1).await;
    assert_eq!((records.len(), records[0].outcome), (1, Outcome::Completed), "{records:?}");
}
