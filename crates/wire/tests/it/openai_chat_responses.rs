//! Whole answers in OpenAI's shape.

use bytes::Bytes;
use outcrop_chat::{Block, Reasoning, Response, StopReason, ToolUse};
use outcrop_types::TokenUsage;
use outcrop_wire::ToolNames;
use outcrop_wire::openai::chat::{Answer, parse, response};
use serde_json::{Value, json};

use crate::show;

const ANSWER: Answer<'static> = Answer { id: "chatcmpl-1", created: 1_760_000_000, model: "nova-lite" };

fn usage() -> TokenUsage {
    TokenUsage { input: 10, cache_read: 100, cache_write_5m: 5, cache_write_1h: 2, output: 20, reasoning: 7 }
}

fn text(text: &str) -> Block {
    Block::Text(text.into())
}

fn call(id: &str, name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: name.into(), input })
}

fn answered(content: Vec<Block>, stop_reason: StopReason, names: &ToolNames) -> Value {
    let body =
        response(&ANSWER, &Response { content, stop_reason, usage: usage(), ..Response::default() }, names);
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn answers_have_openais_shape() {
    let thought =
        Block::Reasoning(Reasoning::Text { text: "Let me \"see\".".into(), signature: Some("s".into()) });
    let hidden = Block::Reasoning(Reasoning::Redacted(Bytes::from_static(b"xx")));
    let cases = [
        ("text", vec![text("Hello \"you\"\n"), text("and you 😀")], StopReason::EndTurn),
        ("nothing", vec![], StopReason::EndTurn),
        ("reasoning", vec![thought, hidden, text("Done.")], StopReason::MaxTokens),
        (
            "tool_calls",
            vec![
                text("Looking."),
                call("tooluse_1", "get_weather", json!({ "city": "Paris", "days": [1, 2] })),
                call("tooluse_2", "get_time", json!({})),
            ],
            StopReason::ToolUse,
        ),
        ("tool_calls_only", vec![call("tooluse_1", "get_time", json!({}))], StopReason::ToolUse),
    ];
    for (name, content, stop_reason) in cases {
        let body = answered(content, stop_reason, &ToolNames::default());
        show::check(&format!("openai_chat_response__{name}"), &show::pretty(&body));
    }
}

#[test]
fn finish_reasons_are_openais() {
    use StopReason::*;
    let spoken = || vec![text("a")];
    let called = || vec![call("1", "f", json!({}))];
    let cases = [
        (spoken(), EndTurn, "stop"),
        (spoken(), StopSequence, "stop"),
        (spoken(), MaxTokens, "length"),
        (spoken(), ContextWindowExceeded, "length"),
        (spoken(), GuardrailIntervened, "content_filter"),
        (spoken(), ContentFiltered, "content_filter"),
        (spoken(), Other, "stop"),
        (called(), ToolUse, "tool_calls"),
        (called(), EndTurn, "tool_calls"),
        (called(), MaxTokens, "length"),
    ];
    for (content, reason, expected) in cases {
        let body = answered(content, reason, &ToolNames::default());
        assert_eq!(body["choices"][0]["finish_reason"], expected, "{reason:?}");
    }
}

#[test]
fn tools_are_called_by_the_clients_names() {
    let body = json!({
        "messages": [{ "role": "user", "content": "hi" }],
        "tools": [{ "type": "function", "function": { "name": "web.search" } }],
    });
    let translated = parse(body.to_string().as_bytes()).unwrap().into_chat().unwrap();
    let safe = translated.request.tools.unwrap().specs.remove(0).name;
    assert_ne!(safe, "web.search");
    let body = answered(vec![call("1", &safe, json!({}))], StopReason::ToolUse, &translated.tool_names);
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "web.search");
}
