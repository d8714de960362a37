//! Requests of three sizes, as clients send them. (`crates/bedrock/benches` reads this file too.)

use bytes::Bytes;
use serde_json::{Value, json};

/// What they are called, and their bodies in OpenAI's shape.
pub(crate) fn openai() -> [(&'static str, Bytes); 3] {
    [("2 kB chat", chat()), ("200 kB agent history, 60 tools", agent()), ("10 MB picture", picture())]
}

fn body(value: &Value) -> Bytes {
    value.to_string().into()
}

fn chat() -> Bytes {
    let said = "Tell me how the tide comes to the harbour, and why it is late on Sundays. ".repeat(6);
    body(&json!({
        "model": "m", "temperature": 0.2, "max_tokens": 400, "stream": true,
        "messages": [
            {"role": "system", "content": "You answer shortly."},
            {"role": "user", "content": said},
            {"role": "assistant", "content": said},
            {"role": "user", "content": said},
            {"role": "assistant", "content": said},
            {"role": "user", "content": "And on Mondays?"},
        ]
    }))
}

/// Sixty tools of about a kilobyte, and seventy calls with their results.
fn agent() -> Bytes {
    let tools: Vec<Value> = (0..60).map(tool).collect();
    let source =
        "    let answer = ask(&question, \"again\")?;\n\tmatch answer { Some(it) => it, None => 0 }\n"
            .repeat(22);
    let mut messages = vec![json!({"role": "system", "content": "You work on a program. ".repeat(60)})];
    messages.push(json!({"role": "user", "content": "Make the tests pass."}));
    for number in 0..70 {
        let id = format!("call_{number}");
        let arguments = json!({"path": format!("src/file_{number}.rs"), "limit": 200}).to_string();
        let call =
            json!({"id": id, "type": "function", "function": {"name": "tool_7", "arguments": arguments}});
        messages.push(json!({"role": "assistant", "content": "Let me look.", "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": source}));
    }
    body(&json!({"model": "m", "messages": messages, "tools": tools, "stream": true}))
}

fn tool(number: usize) -> Value {
    let field = |name: &str| {
        (name.to_owned(), json!({"type": "string", "description": "What it is for. ".repeat(4)}))
    };
    let properties: serde_json::Map<_, _> =
        ["path", "pattern", "limit", "mode", "reason"].map(field).into_iter().collect();
    json!({"type": "function", "function": {
        "name": format!("tool_{number}"), "description": "Does one thing, and does it well. ".repeat(8),
        "parameters": {"type": "object", "properties": properties, "required": ["path"]},
    }})
}

/// Ten megabytes of picture are thirteen of base64.
fn picture() -> Bytes {
    let data = "iVBORw0KGgoAAAANSUhEUgAA".repeat(10_000_000 / 18);
    let url = format!("data:image/png;base64,{data}");
    body(&json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}},
    ]}]}))
}
