//! What a model writes as JSON leaves as it wrote it, whole or in pieces.

use serde_json::{Value, json};

use crate::harness::TestApp;

const INPUT: &str = r#"{"z":1,"b":{"y":1,"x":2}}"#;
const PROMPT: &str = r#"[[tool: w {"z":1,"b":{"y":1,"x":2}}]]"#;
const MODEL: &str = "nova-lite";

fn schema() -> Value {
    json!({"type": "object"})
}

/// What the pieces of a stream's data hold under a key, put together.
fn pieces(text: &str, pick: impl Fn(&Value) -> Option<String>) -> String {
    let data = text.lines().filter_map(|it| it.strip_prefix("data: ")).filter(|it| *it != "[DONE]");
    data.filter_map(|it| pick(&serde_json::from_str(it).unwrap())).collect()
}

async fn both(app: &TestApp, path: &str, mut body: Value) -> (String, String) {
    let whole = app.post(path, &body).await;
    body["stream"] = json!(true);
    let streamed = app.post(path, &body).await;
    assert_eq!((whole.status, streamed.status), (200, 200), "{}{}", whole.text, streamed.text);
    (whole.text, streamed.text)
}

#[tokio::test]
async fn tool_calls_keep_their_order_in_every_dialect() {
    let app = TestApp::start().await;
    let said = json!([{"role": "user", "content": PROMPT}]);

    let tools = json!([{"type": "function", "function": {"name": "w", "parameters": schema()}}]);
    let body = json!({"model": MODEL, "messages": said, "tools": tools});
    let (whole, streamed) = both(&app, "/v1/chat/completions", body).await;
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], INPUT);
    let arguments = |it: &Value| {
        it["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned)
    };
    assert_eq!(pieces(&streamed, arguments), INPUT);

    let tools = json!([{"name": "w", "input_schema": schema()}]);
    let body = json!({"model": MODEL, "max_tokens": 99, "messages": said, "tools": tools});
    let (whole, streamed) = both(&app, "/v1/messages", body).await;
    assert!(whole.contains(&format!(r#""input":{INPUT}"#)), "{whole}");
    assert_eq!(pieces(&streamed, |it| it["delta"]["partial_json"].as_str().map(str::to_owned)), INPUT);

    let tools = json!([{"type": "function", "name": "w", "parameters": schema()}]);
    let (whole, streamed) =
        both(&app, "/v1/responses", json!({"model": MODEL, "input": PROMPT, "tools": tools})).await;
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["output"][0]["arguments"], INPUT, "{whole}");
    let arguments = |it: &Value| {
        let kind = it["type"] == "response.function_call_arguments.delta";
        it["delta"].as_str().filter(|_| kind).map(str::to_owned)
    };
    assert_eq!(pieces(&streamed, arguments), INPUT);

    let tools = json!({"tools": [{"toolSpec": {"name": "w", "inputSchema": {"json": schema()}}}]});
    let body = json!({"messages": [{"role": "user", "content": [{"text": PROMPT}]}], "toolConfig": tools});
    let whole = app.post(&format!("/model/{MODEL}/converse"), &body).await;
    assert!(whole.text.contains(&format!(r#""input":{INPUT}"#)), "{}", whole.text);
}
