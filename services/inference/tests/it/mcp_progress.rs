//! What is told of a model's answer while it is written, and what becomes of one that nobody waits for any more.

use std::time::Duration;

use outcrop_types::Outcome;
use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::mcp_client::Mcp;

fn asked(prompt: &str, token: Option<&str>) -> Value {
    let mut params = json!({ "name": "generate", "arguments": { "prompt": prompt } });
    if let Some(token) = token {
        params["_meta"] = json!({ "progressToken": token });
    }
    params
}

#[tokio::test]
async fn progress_is_told_as_the_text_comes_and_the_result_is_whole() {
    let app = TestApp::start().await;
    for (at, client) in Mcp::both(&app).await.into_iter().enumerate() {
        let heard = client.request("tools/call", asked("[[tokens: 60]] [[rate: 60]]", Some("p1"))).await;
        let told: Vec<&Value> =
            heard.notifications.iter().filter(|it| it["method"] == "notifications/progress").collect();
        assert!((3..=7).contains(&told.len()), "four in a second, or so: {told:?}");
        let figures: Vec<f64> = told.iter().map(|it| it["params"]["progress"].as_f64().unwrap()).collect();
        assert!(figures.is_sorted_by(|one, other| one < other), "{figures:?}");
        assert!(told.iter().all(|it| it["params"]["progressToken"] == "p1"));
        let result = &heard.answer["result"];
        let text = result["structuredContent"]["text"].as_str().unwrap();
        assert_eq!(text.chars().count() as f64, *figures.last().unwrap());
        assert_eq!(result["structuredContent"]["usage"]["output_tokens"], 60);
        assert_ne!(result["structuredContent"]["cost_usd"], "0");
        let record = app.records(at + 1).await.pop().unwrap();
        assert_eq!((record.outcome, record.streamed), (Outcome::Completed, true));
    }
}

#[tokio::test]
async fn nothing_is_told_where_nobody_asked() {
    let app = TestApp::start().await;
    for client in Mcp::both(&app).await {
        let heard = client.request("tools/call", asked("[[tokens: 30]] [[rate: 60]]", None)).await;
        let told = heard.notifications.iter().filter(|it| it["method"] == "notifications/progress").count();
        assert_eq!(told, 0);
        assert_eq!(heard.answer["result"]["structuredContent"]["usage"]["output_tokens"], 30);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_a_failed_result() {
    let app = TestApp::start().await;
    for client in Mcp::both(&app).await {
        let heard =
            client.request("tools/call", asked("[[tokens: 30]] [[fault: cut after 8]]", Some("p1"))).await;
        let result = &heard.answer["result"];
        assert_eq!(result["isError"], true, "{heard:?}");
        assert!(result["_meta"]["outcrop/error"]["code"].is_string(), "{heard:?}");
    }
}

#[tokio::test]
async fn a_modern_request_whose_client_goes_away_leaves_one_cancelled_record() {
    let app = TestApp::start().await;
    let client = Mcp::modern(&app, json!({}));
    let mut response = client.send("tools/call", asked("[[tokens: 200]] [[rate: 50]]", Some("p1"))).await;
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    is_cancelled(&app).await;
}

#[tokio::test]
async fn a_request_that_is_called_off_leaves_one_cancelled_record() {
    let app = TestApp::start().await;
    for token in [None, Some("p1")] {
        let client = Mcp::legacy(&app, json!({})).await;
        let waiting = client.send("tools/call", asked("[[tokens: 200]] [[rate: 50]]", token));
        let off = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let told = json!({
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": { "requestId": 1, "reason": "not needed" },
            });
            assert_eq!(client.post("notifications/cancelled", &told).await.status(), 202);
        };
        let (response, ()) = tokio::join!(waiting, off);
        // Nothing more comes, and the stream ends.
        let rest = tokio::time::timeout(Duration::from_secs(3), response.text()).await.unwrap().unwrap();
        assert!(!rest.contains("\"result\""), "{rest}");
        is_cancelled(&app).await;
    }
}

/// One call that was given up, long before its end, is recorded; takes it away.
async fn is_cancelled(app: &TestApp) {
    let record = app.records(1).await.pop().unwrap();
    assert_eq!(record.outcome, Outcome::Cancelled);
    assert!(record.tokens.output < 200 && record.latency_ms < 3_500, "{record:?}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut records = app.ledger.records.lock().unwrap();
    assert_eq!(records.len(), 1);
    records.clear();
}
