//! What the tools of `/mcp` refuse: told to the model, so that it can do better.

use outcrop_emulator::Operation;
use outcrop_types::Rules;
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp, models};
use crate::mcp_client::Mcp;

/// The failure of a tool: its words, and what programs are told.
#[track_caller]
fn failure(result: &Value) -> (&str, &Value) {
    assert_eq!(result["isError"], true, "{result}");
    assert!(result.get("structuredContent").is_none(), "{result}");
    (result["content"][0]["text"].as_str().unwrap(), &result["_meta"]["outcrop/error"])
}

async fn ruled(rules: Value) -> TestApp {
    let rules: Rules = serde_json::from_value(rules).unwrap();
    TestApp::with(Setup { rules, ..Setup::default() }).await
}

#[tokio::test]
async fn an_argument_that_is_wrong_missing_or_unknown_is_named() {
    let app = TestApp::start().await;
    let turn = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    let image = |data: &str| json!([{ "type": "image", "data": data, "mimeType": "image/png" }]);
    let cases = [
        ("generate", json!({}), "prompt"),
        ("generate", json!({ "prompt": " " }), "prompt"),
        ("generate", json!({ "prompt": "a", "model": null }), "model"),
        ("generate", json!({ "prompt": "a", "max_tokens": 2.5 }), "max_tokens"),
        ("generate", json!({ "prompt": "a", "max_tokens": 0 }), "max_tokens"),
        ("generate", json!({ "prompt": "a", "temperature": 2 }), "temperature"),
        ("generate", json!({ "prompt": "a", "temprature": 1 }), "temprature"),
        ("generate", json!({ "prompt": "a", "model": "no-such-model" }), "model"),
        ("chat", json!({ "messages": [] }), "messages"),
        ("chat", json!({ "messages": [{ "role": "system", "content": "a" }] }), "messages[0].role"),
        ("chat", json!({ "messages": [{ "role": "assistant", "content": "a" }] }), "messages[0].role"),
        ("chat", turn(json!([{ "type": "sound" }])), "messages[0].content[0].type"),
        ("chat", turn(image("not base64!")), "messages[0].content[0].data"),
        ("embed", json!({ "input": [] }), "input"),
        ("embed", json!({ "input": ["a", " "] }), "input[1]"),
        ("embed", json!({ "input": "a" }), "input"),
        ("embed", json!({ "input": ["a"], "input_type": "poem" }), "input_type"),
        ("rerank", json!({ "query": "a", "documents": [], "model": "cohere-rerank-v3-5" }), "documents"),
        ("rerank", json!({ "query": "a", "documents": ["b"], "model": MODEL }), "model"),
        ("count_tokens", json!({}), "prompt"),
        ("count_tokens", json!({ "prompt": "a", "messages": [] }), "messages"),
        ("list_models", json!({ "output": "songs" }), "output"),
        ("usage_me", json!({ "month": 1 }), "month"),
    ];
    for client in Mcp::both(&app).await {
        for (tool, arguments, param) in &cases {
            let result = client.call(tool, arguments.clone()).await;
            let (text, told) = failure(&result);
            assert_eq!(told["param"], *param, "{tool} {arguments}: {result}");
            assert!(text.contains(&format!("`{param}`")) || *param == "model", "{text}");
        }
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_model_out_of_scope_is_refused_as_over_http() {
    let app = TestApp::with(Setup { scope: models(&["nova-*"]), ..Setup::default() }).await;
    for client in Mcp::both(&app).await {
        let result = client.call("generate", json!({ "prompt": "hi", "model": MODEL })).await;
        let (text, told) = failure(&result);
        assert_eq!((&told["code"], &told["param"]), (&json!("forbidden"), &json!("model")));
        assert!(text.contains(MODEL), "{text}");
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_limit_says_when_to_come_back() {
    let app = ruled(json!({ "requests_per_minute": 1 })).await;
    let client = Mcp::modern(&app, json!({}));
    let asked = json!({ "prompt": "hi" });
    let mut result = client.call("generate", asked.clone()).await;
    // A minute may turn in between.
    for _ in 0..3 {
        if result["isError"] != true {
            result = client.call("generate", asked.clone()).await;
        }
    }
    let (text, told) = failure(&result);
    assert_eq!(told["code"], "rate_limited");
    let seconds = told["retry_after_s"].as_u64().unwrap();
    assert!((1..=120).contains(&seconds), "{told}");
    assert_eq!(told["limit"]["kind"], "requests");
    assert_eq!(text.matches(&format!("{seconds} s")).count(), 1, "said once: {text}");
}

#[tokio::test]
async fn a_budget_that_is_spent_calls_no_model() {
    let app = ruled(json!({ "budgets": [{ "usd": "0.000000001", "period": "month" }] })).await;
    for client in Mcp::both(&app).await {
        for (tool, arguments) in
            [("generate", json!({ "prompt": "hi" })), ("embed", json!({ "input": ["hi"] }))]
        {
            let result = client.call(tool, arguments).await;
            let (text, told) = failure(&result);
            assert_eq!(told["code"], "rate_limited", "{result}");
            assert!(text.contains("budget"), "{text}");
        }
    }
    assert_eq!(app.counters[0].calls(Operation::Converse) + app.counters[0].calls(Operation::InvokeModel), 0);
}

#[tokio::test]
async fn a_model_that_fails_is_a_failed_result() {
    let app = TestApp::start().await;
    for client in Mcp::both(&app).await {
        let result = client.call("generate", json!({ "prompt": "[[fault: accessDenied]]" })).await;
        let (text, told) = failure(&result);
        assert!(told["code"].is_string() && !text.is_empty(), "{result}");
    }
}

#[tokio::test]
async fn without_a_default_model_the_caller_is_told_to_name_one() {
    let app = TestApp::with(Setup { scope: models(&["nova-*"]), ..Setup::default() }).await;
    for client in Mcp::both(&app).await {
        for (tool, arguments) in
            [("generate", json!({ "prompt": "hi" })), ("count_tokens", json!({ "prompt": "hi" }))]
        {
            let result = client.call(tool, arguments).await;
            let (text, told) = failure(&result);
            assert_eq!(told["param"], "model");
            assert!(text.contains("`model`") && text.contains("list_models"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_client_that_shows_forms_is_asked_for_the_model_before_anything_is_paid() {
    let app = TestApp::with(Setup { scope: models(&["nova-lite", "nova-pro"]), ..Setup::default() }).await;
    let client = Mcp::modern(&app, json!({ "elicitation": { "form": {} } }));
    let params = json!({ "name": "generate", "arguments": { "prompt": "[[say: Fine.]]" } });
    let asked = client.result("tools/call", params.clone()).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().unwrap();
    let (key, request) = requests.iter().next().unwrap();
    assert_eq!(request["method"], "elicitation/create");
    let names = &request["params"]["requestedSchema"]["properties"]["model"]["enum"];
    assert_eq!(*names, json!(["nova-lite", "nova-pro"]), "{request}");
    assert!(app.ledger.records.lock().unwrap().is_empty());

    let again = |answer: Value| {
        let mut params = params.clone();
        params["inputResponses"] = json!({ (key): answer });
        params["requestState"] = asked["requestState"].clone();
        params
    };
    let chosen = json!({ "action": "accept", "content": { "model": "nova-lite" } });
    let result = client.result("tools/call", again(chosen)).await;
    assert_eq!(result["content"][0]["text"], "Fine.", "{result}");
    assert_eq!(result["structuredContent"]["model"], "nova-lite");
    for other in [json!({ "action": "decline" }), json!({ "action": "cancel" })] {
        let result = client.result("tools/call", again(other)).await;
        assert_eq!(failure(&result).1["param"], "model", "{result}");
    }
    assert_eq!(app.records(1).await.len(), 1);
}
