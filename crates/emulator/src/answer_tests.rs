//! Answers, from a Converse request to its body and its stream.

use super::{answer, script};
use crate::cache::PromptCache;
use crate::converse::encode::{StreamEncoder, whole};
use crate::converse::extra::Echo;
use crate::converse::{prompt, request::Request};
use crate::events::{self, Encoder as _};
use crate::frames;
use crate::models::Catalog;
use serde_json::{Value, json};

const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// The body, and the stream's events put together to what the body must be.
fn run(model: &str, body: &Value, cache: &PromptCache) -> Result<(Value, Vec<(String, Value)>), String> {
    let catalog = Catalog::load().unwrap();
    let model = catalog.invoked(model).unwrap();
    let text = body.to_string();
    let request: Request<'_> = crate::body::parse(text.as_bytes()).map_err(|it| it.message.into_owned())?;
    let prompt = prompt(model, &request, cache).map_err(|it| it.message.into_owned())?;
    let script = script(&prompt).map_err(|it| it.message.into_owned())?;
    let answer = answer(&prompt, &script).map_err(|it| it.message.into_owned())?;
    let echo = Echo::new(model, &request);
    let whole = serde_json::from_slice(&whole(&answer, 7, &echo)).unwrap();
    let mut encoder = StreamEncoder::new(true, echo);
    events::encode(&answer, 7, &mut encoder);
    let events = frames::decode(&encoder.events().bytes);
    assert_eq!(encoder.events().marks.as_ref().unwrap().len(), events.len());
    Ok((whole, events))
}

fn ask(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

fn converse(body: &Value) -> Value {
    run(CLAUDE, body, &PromptCache::default()).unwrap().0
}

fn content(body: &Value) -> Value {
    converse(body)["output"]["message"]["content"].clone()
}

fn weather(mut body: Value) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]});
    let tool = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}});
    body["toolConfig"] = json!({"tools": [tool("weather"), tool("clock")]});
    body
}

#[test]
fn the_same_question_has_the_same_answer() {
    assert_eq!(converse(&ask("hello")), converse(&ask("hello")));
    assert_ne!(content(&ask("hello")), content(&ask("good bye")));
    let answer = converse(&ask("hello there"));
    assert!(answer["output"]["message"]["content"][0]["text"].as_str().unwrap().contains("hello there"));
    assert_eq!(answer["stopReason"], "end_turn");
    let usage = &answer["usage"];
    assert_eq!(
        usage["totalTokens"].as_u64().unwrap(),
        usage["inputTokens"].as_u64().unwrap() + usage["outputTokens"].as_u64().unwrap()
    );
}

#[test]
fn directives_script_the_answer() {
    let body = weather(ask(r#"[[think: hm]] [[say: so]] [[tool: weather {"city":"Oslo"}]] [[tool: clock]]"#));
    let answer = converse(&body);
    let content = answer["output"]["message"]["content"].as_array().unwrap();
    assert_eq!(content[0]["reasoningContent"]["reasoningText"]["text"], "hm");
    assert_eq!(content[1]["text"], "so");
    assert_eq!(content[2]["toolUse"]["input"], json!({"city": "Oslo"}));
    assert_eq!(content[3]["toolUse"]["name"], "clock");
    assert_ne!(content[2]["toolUse"]["toolUseId"], content[3]["toolUse"]["toolUseId"]);
    assert_eq!(answer["stopReason"], "tool_use");
    assert_eq!(converse(&ask("[[stop: guardrail_intervened]]"))["stopReason"], "guardrail_intervened");
    let usage = converse(&ask("[[usage: input=10,output=5,cacheRead=3,cacheWrite=2]]"))["usage"].clone();
    assert_eq!(usage["totalTokens"], 20);
    assert_eq!(usage["cacheDetails"], json!([{"ttl": "5m", "inputTokens": 2}]));
    let unknown = run(CLAUDE, &ask("[[tool: nothing {}]]"), &PromptCache::default()).unwrap_err();
    assert!(unknown.contains("nothing"));
}

#[test]
fn directives_may_stand_in_the_system_prompt() {
    let mut body = weather(ask("hi"));
    body["system"] = json!([{"text": "[[tool: weather {\"city\":\"Oslo\"}]]"}]);
    let first = converse(&body);
    assert_eq!(first["stopReason"], "tool_use");
    let call = first["output"]["message"].clone();
    let id = call["content"][0]["toolUse"]["toolUseId"].clone();
    let results = json!({"role": "user", "content": [{"toolResult": {"toolUseId": id, "content": [{"json": {"sky": "grey"}}]}}]});
    let messages = body["messages"].as_array_mut().unwrap();
    messages.extend([call, results]);
    let second = converse(&body);
    assert_eq!(second["stopReason"], "end_turn", "a scripted call is not made for ever");
    assert_eq!(
        second["output"]["message"]["content"][0]["text"],
        r#"The tool weather answered: {"sky":"grey"}"#
    );
}

#[test]
fn limits_cut() {
    let mut body = ask("[[say: one two three four]]");
    body["inferenceConfig"] = json!({"maxTokens": 2});
    let answer = converse(&body);
    assert_eq!(answer["output"]["message"]["content"], json!([{"text": "one two"}]));
    assert_eq!((&answer["stopReason"], &answer["usage"]["outputTokens"]), (&json!("max_tokens"), &json!(2)));
    body["inferenceConfig"] = json!({"stopSequences": ["four", "three"]});
    body["additionalModelResponseFieldPaths"] = json!(["/stop_sequence"]);
    let answer = converse(&body);
    assert_eq!(answer["output"]["message"]["content"], json!([{"text": "one two "}]));
    assert_eq!(answer["stopReason"], "stop_sequence");
    assert_eq!(answer["additionalModelResponseFields"], json!({"stop_sequence": "three"}));
}

#[test]
fn forced_tools_and_schemas_are_met() {
    let mut body = weather(ask("hi"));
    body["toolConfig"]["toolChoice"] = json!({"any": {}});
    let call = content(&body)[0]["toolUse"].clone();
    assert_eq!((&call["name"], &call["input"]), (&json!("weather"), &json!({"city": "city"})));
    body["toolConfig"]["toolChoice"] = json!({"tool": {"name": "clock"}});
    assert_eq!(content(&body)[0]["toolUse"]["name"], "clock");
    let schema = r#"{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"],"additionalProperties":false}"#;
    let mut body = ask("hi");
    body["outputConfig"] =
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}});
    assert_eq!(content(&body)[0]["text"], r#"{"ok":true}"#);
}

#[test]
fn reasoning_comes_when_asked_for() {
    let mut body = ask("hi");
    body["additionalModelRequestFields"] = json!({"thinking": {"type": "enabled", "budget_tokens": 2000}});
    body["additionalModelResponseFieldPaths"] = json!(["/usage/output_tokens_details"]);
    let answer = converse(&body);
    let first = &answer["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"];
    assert!(first["signature"].is_string());
    assert!(
        answer["additionalModelResponseFields"]["usage"]["output_tokens_details"]["thinking_tokens"]
            .as_u64()
            .unwrap()
            > 0
    );
}

#[test]
fn the_cache_is_written_then_read() {
    let cache = PromptCache::default();
    let long = "word ".repeat(5000);
    let mut body = ask("hi");
    body["system"] = json!([{"text": long}, {"cachePoint": {"type": "default", "ttl": "1h"}}]);
    let first = run(CLAUDE, &body, &cache).unwrap().0["usage"].clone();
    let second = run(CLAUDE, &body, &cache).unwrap().0["usage"].clone();
    assert_eq!(first["cacheWriteInputTokens"], second["cacheReadInputTokens"]);
    assert_eq!((&first["cacheReadInputTokens"], &second["cacheWriteInputTokens"]), (&json!(0), &json!(0)));
    assert_eq!(first["cacheDetails"][0]["ttl"], "1h");
    assert_eq!(first["inputTokens"], second["inputTokens"]);
}

#[test]
fn the_stream_says_what_the_body_says() {
    let body = weather(ask(
        r#"[[think: let me think]] [[say: a good day]] [[tool: weather {"city":"São Paulo, and more of it"}]] [[tool: clock {}]]"#,
    ));
    let (whole, events) = run(CLAUDE, &body, &PromptCache::default()).unwrap();
    let names: Vec<_> = events.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names.first(), Some(&"messageStart"));
    assert_eq!(names[names.len() - 2..], ["messageStop", "metadata"]);
    let mut blocks: Vec<Value> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    for (name, event) in &events {
        let index = event["contentBlockIndex"].as_u64().unwrap_or_default() as usize;
        if name.starts_with("contentBlock") && blocks.len() <= index {
            blocks.push(Value::Null);
            inputs.push(String::new());
        }
        let delta = &event["delta"];
        if let Some(start) = event["start"]["toolUse"].as_object() {
            blocks[index] = json!({"toolUse": start});
        } else if let Some(text) = delta["text"].as_str() {
            blocks[index] =
                json!({"text": blocks[index]["text"].as_str().unwrap_or_default().to_owned() + text});
        } else if let Some(text) = delta["reasoningContent"]["text"].as_str() {
            let before =
                blocks[index]["reasoningContent"]["reasoningText"]["text"].as_str().unwrap_or_default();
            blocks[index] =
                json!({"reasoningContent": {"reasoningText": {"text": before.to_owned() + text}}});
        } else if let Some(signature) = delta["reasoningContent"]["signature"].as_str() {
            blocks[index]["reasoningContent"]["reasoningText"]["signature"] = json!(signature);
        } else if let Some(input) = delta["toolUse"]["input"].as_str() {
            inputs[index].push_str(input);
        }
    }
    for (block, input) in blocks.iter_mut().zip(&inputs).filter(|it| it.0["toolUse"].is_object()) {
        block["toolUse"]["input"] =
            if input.is_empty() { json!({}) } else { serde_json::from_str(input).unwrap() };
    }
    assert_eq!(json!(blocks), whole["output"]["message"]["content"]);
    assert_eq!(events[events.len() - 2].1["stopReason"], whole["stopReason"]);
    assert_eq!(events[events.len() - 1].1["usage"], whole["usage"]);
}

#[test]
fn tokens_and_chunks_make_deltas() {
    let deltas = |text: &str| {
        let (_, events) = run(CLAUDE, &ask(text), &PromptCache::default()).unwrap();
        events.iter().filter(|it| it.0 == "contentBlockDelta").count()
    };
    assert_eq!(deltas("[[tokens: 100]]"), 100);
    assert_eq!(deltas("[[tokens: 100]][[chunk: 10]]"), 10);
    assert_eq!(converse(&ask("[[tokens: 100]]"))["usage"]["outputTokens"], 100);
}
