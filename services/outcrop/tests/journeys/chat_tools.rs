//! Tools: one call, several at once, their results, and choices that force one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::chat::message;
use crate::client::{MODEL, ask_with};
use crate::platform::Platform;
use crate::sse::finish_reason;

const ONE: &str = r#"[[tool: get_weather {"city":"Oslo"}]]"#;
const BOTH: &str =
    r#"[[say: Looking.]][[tool: get_weather {"city":"Oslo"}]][[tool: get_time {"zone":"CET"}]]"#;

pub(crate) async fn journey(platform: &Platform) {
    a_call_comes_and_its_result_goes_back(platform).await;
    several_calls_come_at_once(platform).await;
    streamed_calls_are_the_same_calls(platform).await;
    choices_force_and_forbid(platform).await;
}

fn tools() -> Value {
    let function = |name: &str, field: &str| {
        let schema =
            json!({ "type": "object", "properties": { field: { "type": "string" } }, "required": [field] });
        json!({ "type": "function", "function": { "name": name, "description": "A tool.", "parameters": schema } })
    };
    json!([function("get_weather", "city"), function("get_time", "zone")])
}

async fn a_call_comes_and_its_result_goes_back(platform: &Platform) {
    let answer = platform.admin.chat(&ask_with(ONE, json!({ "tools": tools() }))).await.expect(200);
    assert_eq!(answer.body["choices"][0]["finish_reason"], "tool_calls");
    let asked = message(&answer);
    assert_eq!(asked["content"], Value::Null);
    let call = &asked["tool_calls"][0];
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("get_weather")));
    assert_eq!(arguments(call), json!({ "city": "Oslo" }));
    let turns = json!([
        { "role": "user", "content": ONE },
        asked,
        { "role": "tool", "tool_call_id": call["id"], "content": "4 degrees" },
    ]);
    let request = json!({ "model": MODEL, "messages": turns, "tools": tools() });
    let answer = platform.admin.chat(&request).await.expect(200);
    assert_eq!(answer.body["choices"][0]["finish_reason"], "stop");
    assert_eq!(message(&answer)["content"], "The tool get_weather answered: 4 degrees");
}

async fn several_calls_come_at_once(platform: &Platform) {
    let answer = platform.admin.chat(&ask_with(BOTH, json!({ "tools": tools() }))).await.expect(200);
    let asked = message(&answer);
    assert_eq!(asked["content"], "Looking.");
    let calls = asked["tool_calls"].as_array().unwrap();
    assert_eq!(
        calls.iter().map(arguments).collect::<Vec<_>>(),
        [json!({ "city": "Oslo" }), json!({ "zone": "CET" })]
    );
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    // Results may come in any order.
    let turns = json!([
        { "role": "user", "content": BOTH },
        asked,
        { "role": "tool", "tool_call_id": calls[1]["id"], "content": "noon" },
        { "role": "tool", "tool_call_id": calls[0]["id"], "content": "4 degrees" },
    ]);
    let request = json!({ "model": MODEL, "messages": turns, "tools": tools() });
    let answer = platform.admin.chat(&request).await.expect(200);
    let text = message(&answer)["content"].as_str().unwrap();
    assert!(
        text.contains("get_weather answered: 4 degrees") && text.contains("get_time answered: noon"),
        "{text}"
    );
}

async fn streamed_calls_are_the_same_calls(platform: &Platform) {
    let whole = platform.admin.chat(&ask_with(BOTH, json!({ "tools": tools() }))).await.expect(200);
    let request = ask_with(BOTH, json!({ "tools": tools(), "stream": true }));
    let chunks = platform.admin.chat_stream(&request).await.chunks().await;
    assert_eq!(finish_reason(&chunks), "tool_calls");
    let mut calls: BTreeMap<u64, (String, String, String)> = BTreeMap::new();
    for piece in
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array()).flatten()
    {
        let call = calls.entry(piece["index"].as_u64().unwrap()).or_default();
        let add = |to: &mut String, piece: &Value| to.push_str(piece.as_str().unwrap_or_default());
        add(&mut call.0, &piece["id"]);
        add(&mut call.1, &piece["function"]["name"]);
        add(&mut call.2, &piece["function"]["arguments"]);
    }
    let expected = message(&whole)["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), expected.len());
    for ((id, name, text), expected) in calls.values().zip(expected) {
        assert_eq!((&json!(id), &json!(name)), (&expected["id"], &expected["function"]["name"]));
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), arguments(expected));
    }
}

async fn choices_force_and_forbid(platform: &Platform) {
    let chosen = async |choice: Value| {
        let fields = json!({ "tools": tools(), "tool_choice": choice });
        let answer = platform.admin.chat(&ask_with("Nothing special.", fields)).await.expect(200);
        message(&answer)["tool_calls"][0]["function"]["name"].clone()
    };
    assert_eq!(chosen(json!("auto")).await, Value::Null);
    assert_eq!(chosen(json!("none")).await, Value::Null);
    assert_eq!(chosen(json!("required")).await, "get_weather");
    assert_eq!(chosen(json!({ "type": "function", "function": { "name": "get_time" } })).await, "get_time");
}

#[track_caller]
fn arguments(call: &Value) -> Value {
    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap()
}
