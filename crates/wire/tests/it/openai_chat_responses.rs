//! Whole answers in OpenAI's shape.

use bytes::Bytes;
use outcrop_chat::{Block, CitedText, Extra, Reasoning, Response, ServiceTier, StopReason, ToolUse};
use outcrop_types::TokenUsage;
use outcrop_wire::ToolNames;
use outcrop_wire::openai::chat::{Answer, parse, response, responses};
use serde_json::{Value, json};

use crate::show;

const ANSWER: Answer<'static> =
    Answer { id: "chatcmpl-1", created: 1_760_000_000, model: "nova-lite", functions: false };

fn usage() -> TokenUsage {
    TokenUsage {
        input: 10,
        cache_read: 100,
        cache_write_5m: 5,
        cache_write_1h: 2,
        output: 20,
        reasoning: 7,
        ..TokenUsage::default()
    }
}

fn text(text: &str) -> Block {
    Block::Text(text.into())
}

fn call(id: &str, name: &str, input: Value) -> Block {
    Block::ToolUse(ToolUse { id: id.into(), name: name.into(), input })
}

fn cited(text: &str, citations: Value) -> Block {
    let Value::Array(citations) = citations else { panic!("{citations}") };
    Block::Cited(CitedText { text: text.into(), citations })
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
    let page = json!({ "title": "News", "location": { "web": { "url": "https://news.example", "domain": "news.example" } } });
    let report = json!({ "title": "Report", "location": { "documentPage": { "documentIndex": 0 } } });
    let found =
        json!({ "source": "https://found.example", "location": { "searchResultLocation": { "start": 0 } } });
    let cited =
        ("citations", vec![text("Ünd: "), cited("so.", json!([page, report, found]))], StopReason::EndTurn);
    for (name, content, stop_reason) in cases.into_iter().chain([cited]) {
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
    let translated = parse(&body.to_string().into()).unwrap().into_chat().unwrap();
    let safe = translated.request.tools.unwrap().specs.remove(0).name;
    assert_ne!(safe, "web.search");
    let body = answered(vec![call("1", &safe, json!({}))], StopReason::ToolUse, &translated.tool_names);
    assert_eq!(body["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "web.search");
}

#[test]
fn several_answers_are_choices_of_one_and_their_usage_is_together() {
    let said = |words: &str, stop_reason| Response {
        content: vec![text(words)],
        stop_reason,
        usage: usage(),
        extra: Extra { service_tier: Some(ServiceTier::Flex), ..Extra::default() },
    };
    let choices = [said("one", StopReason::EndTurn), said("two", StopReason::MaxTokens)];
    let body: Value = serde_json::from_slice(&responses(&ANSWER, &choices, &ToolNames::default())).unwrap();
    show::check("openai_chat_response__choices", &show::pretty(&body));
}

#[test]
fn calls_are_told_in_the_legacy_form_if_they_came_so() {
    let content = vec![call("1", "f", json!({ "a": 1 })), call("2", "g", json!({}))];
    let response = Response { content, stop_reason: StopReason::ToolUse, ..Response::default() };
    let answer = Answer { functions: true, ..ANSWER };
    let body = outcrop_wire::openai::chat::response(&answer, &response, &ToolNames::default());
    let body: Value = serde_json::from_slice(&body).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["function_call"], json!({ "name": "f", "arguments": "{\"a\":1}" }));
    assert_eq!((message.get("tool_calls"), &message["content"]), (None, &Value::Null));
    assert_eq!(body["choices"][0]["finish_reason"], "function_call");
}

#[test]
fn what_bedrock_says_besides_stands_under_its_names() {
    let extra = Extra {
        service_tier: Some(ServiceTier::Reserved),
        fields: Some(json!({ "stop_sequence": "END" })),
        trace: Some(json!({ "guardrail": {} })),
        optimized_latency: Some(true),
        ..Extra::default()
    };
    let body = response(&ANSWER, &Response { extra, ..Response::default() }, &ToolNames::default());
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["service_tier"], "scale", "OpenAI's word for bought capacity");
    assert_eq!(body["additional_model_response_fields"], json!({ "stop_sequence": "END" }));
    assert_eq!(body["trace"], json!({ "guardrail": {} }));
    assert_eq!(body["performance_config"], json!({ "latency": "optimized" }));
}

#[test]
fn thoughts_can_be_sent_back_as_they_came() {
    let mut content = vec![
        Block::Reasoning(Reasoning::Text { text: "Hm \"é\"".into(), signature: Some("c2ln".into()) }),
        Block::Reasoning(Reasoning::Redacted(Bytes::from_static(b"\x00\xff hidden"))),
        Block::Reasoning(Reasoning::Text { text: "unsigned".into(), signature: None }),
    ];
    content.push(text("Done."));
    let body = answered(content.clone(), StopReason::EndTurn, &ToolNames::default());
    let back = json!({ "messages": [
        { "role": "user", "content": "hi" }, body["choices"][0]["message"], { "role": "user", "content": "on" },
    ] });
    let translated = parse(&back.to_string().into()).unwrap().into_chat().unwrap();
    assert_eq!(translated.request.messages[1].content, content);
    assert_eq!(translated.dropped, Vec::<&str>::new());
}
