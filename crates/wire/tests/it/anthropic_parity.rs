//! The tables of fields say what is so.

#![expect(clippy::needless_pass_by_value, reason = "so that the cases read as JSON")]

use std::collections::HashSet;

use bytes::Bytes;
use outcrop_wire::anthropic::invoke;
use outcrop_wire::anthropic::parity::{CLAUDE, FIELDS};
use outcrop_wire::anthropic::{Betas, Head, Purpose, Translated, Version, head, parse};
use serde_json::{Value, json};

use crate::anthropic_requests::TRAITS;

fn says(role: &str, block: Value) -> Value {
    json!({"messages": [{"role": "user", "content": "Hi"}, {"role": role, "content": [block, {"type": "text", "text": "x"}]}]})
}

fn image(source: Value) -> Value {
    says("user", json!({"type": "image", "source": source}))
}

fn document(fields: Value) -> Value {
    let mut block =
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    block.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    says("user", block)
}

fn source(source: Value) -> Value {
    document(json!({"source": source}))
}

fn tool(fields: Value) -> Value {
    let mut tool = json!({"name": "a", "input_schema": {"type": "object"}});
    tool.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"tools": [tool]})
}

fn choice(choice: Value) -> Value {
    let mut body = tool(json!({}));
    body["tool_choice"] = choice;
    body
}

/// A request that makes use of the field.
fn sample(field: &str) -> Value {
    let control = json!({"type": "ephemeral"});
    let text = |fields: Value| {
        let mut block = json!({"type": "text", "text": "x"});
        block.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        block
    };
    let result = |content: Value| json!({"type": "tool_result", "tool_use_id": "t", "content": content});
    match field {
        "model" => json!({"model": "m"}),
        "max_tokens" => json!({"max_tokens": 7}),
        "stream" => json!({"stream": true}),
        "system" => json!({"system": "x"}),
        "system[].cache_control" => json!({"system": [text(json!({"cache_control": control}))]}),
        "system[].citations" => json!({"system": [text(json!({"citations": [{}]}))]}),
        "messages[].role.system" => says("system", text(json!({}))),
        "messages[].content" | "messages[].content[].text" => says("assistant", text(json!({}))),
        "messages[].content[].cache_control" => says("user", text(json!({"cache_control": control}))),
        "messages[].content[].text.citations" => says("assistant", text(json!({"citations": [{}]}))),
        "messages[].content[].image.base64" => {
            image(json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}))
        }
        "messages[].content[].image.url" => image(json!({"type": "url", "url": "https://e.com"})),
        "messages[].content[].image.file" => image(json!({"type": "file", "file_id": "f"})),
        "messages[].content[].image.transformations" => says(
            "user",
            json!({"type": "image",
            "source": {"type": "url", "url": "https://e.com"}, "transformations": {}}),
        ),
        "messages[].content[].document.base64" => {
            source(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}))
        }
        "messages[].content[].document.text" => document(json!({})),
        "messages[].content[].document.content" => source(json!({"type": "content", "content": "x"})),
        "messages[].content[].document.url" => source(json!({"type": "url", "url": "https://e.com"})),
        "messages[].content[].document.file" => source(json!({"type": "file", "file_id": "f"})),
        "messages[].content[].document.title" => document(json!({"title": "T"})),
        "messages[].content[].document.context" => document(json!({"context": "C"})),
        "messages[].content[].document.citations" => document(json!({"citations": {"enabled": true}})),
        "messages[].content[].search_result" => says(
            "user",
            json!({"type": "search_result", "source": "s", "title": "t", "content": [text(json!({}))]}),
        ),
        "messages[].content[].thinking" => {
            says("assistant", json!({"type": "thinking", "thinking": "x", "signature": "s"}))
        }
        "messages[].content[].redacted_thinking" => {
            says("assistant", json!({"type": "redacted_thinking", "data": "AAAA"}))
        }
        "messages[].content[].tool_use" => {
            says("assistant", json!({"type": "tool_use", "id": "t", "name": "a", "input": {}}))
        }
        "messages[].content[].tool_result" => says("user", result(json!("x"))),
        "messages[].content[].tool_result.content[].cache_control" => {
            says("user", result(json!([text(json!({"cache_control": control}))])))
        }
        "messages[].content[].server_tool_use" => says("assistant", json!({"type": "server_tool_use"})),
        "messages[].content[].container_upload" => says("user", json!({"type": "container_upload"})),
        "stop_sequences" => json!({"stop_sequences": ["x"]}),
        "temperature" | "top_p" => json!({field: 0.5}),
        "top_k" => json!({"top_k": 5}),
        "tools[]" => tool(json!({})),
        "tools[].type" => tool(json!({"type": "bash_20250124"})),
        "tools[].strict" | "tools[].defer_loading" | "tools[].eager_input_streaming" => {
            tool(json!({&field[8..]: true}))
        }
        "tools[].cache_control" => tool(json!({"cache_control": control})),
        "tools[].input_examples" => tool(json!({"input_examples": [{}]})),
        "tools[].allowed_callers" => tool(json!({"allowed_callers": ["code_execution_20250825"]})),
        "tool_choice.auto" | "tool_choice.any" | "tool_choice.none" => choice(json!({"type": &field[12..]})),
        "tool_choice.tool" => choice(json!({"type": "tool", "name": "a"})),
        "tool_choice.disable_parallel_tool_use" => {
            choice(json!({"type": "auto", "disable_parallel_tool_use": true}))
        }
        "thinking.enabled" => json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        "thinking.adaptive" | "thinking.between_tools" | "thinking.disabled" => {
            json!({"thinking": {"type": &field[9..]}})
        }
        "thinking.display" => json!({"thinking": {"type": "adaptive", "display": "omitted"}}),
        "output_config.effort" => json!({"output_config": {"effort": "low"}}),
        "output_config.format" => json!({"output_config": {"format": {"type": "json_schema", "schema": {}}}}),
        "output_config.task_budget" => json!({"output_config": {"task_budget": {"total": 1}}}),
        "output_format" => json!({"output_format": {"type": "json_schema", "schema": {}}}),
        "cache_control" => json!({"cache_control": control}),
        "metadata.user_id" => json!({"metadata": {"user_id": "u"}}),
        "service_tier" => json!({"service_tier": "auto"}),
        "speed" => json!({"speed": "fast"}),
        "inference_geo" => json!({"inference_geo": "eu"}),
        "mcp_servers" => json!({"mcp_servers": [{}]}),
        "container" | "user_profile_id" => json!({field: "x"}),
        "context_management" | "diagnostics" => json!({field: {}}),
        "anthropic-beta" | "anthropic-version" => json!({}),
        "anthropic_beta" => json!({"anthropic_beta": ["a", "b"]}),
        "additional_model_request_fields" => json!({field: {"a": 1}}),
        "additional_model_response_field_paths" => json!({field: ["/a"]}),
        "guardrail" => json!({field: {"guardrailIdentifier": "g", "guardrailVersion": "1"}}),
        "performance_config" => json!({field: {"latency": "optimized"}}),
        "request_metadata" => json!({field: {"a": "b"}}),
        other => panic!("no sample for {other}"),
    }
}

fn body(field: &str) -> Bytes {
    let mut body = json!({"max_tokens": 2000, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(sample(field).as_object().unwrap().clone());
    Bytes::from(body.to_string())
}

fn betas(field: &str) -> Betas {
    let given = if field == "anthropic-beta" { "mid-x-1" } else { "" };
    Betas::parse([given]).unwrap()
}

fn read(field: &str) -> Result<Translated, String> {
    let version = if field == "messages[].role.system" { Version::V20261021 } else { Version::V20230601 };
    parse(&body(field), version, &betas(field), Purpose::Answer)
        .map_err(|error| error.param.unwrap_or_default())
}

/// How headers and errors name the field, without the numbers of elements.
fn told(field: &str) -> String {
    match field {
        "thinking.between_tools" => "thinking.type".to_owned(),
        "messages[].content[].text.citations" => "messages.content.citations".to_owned(),
        "messages[].content[].image.transformations" => "messages.content.transformations".to_owned(),
        "messages[].content[].tool_result.content[].cache_control" => {
            "messages.content.content.cache_control".to_owned()
        }
        "messages[].content[].image.file" | "messages[].content[].document.file" => {
            "messages.content.source.type".to_owned()
        }
        "messages[].content[].server_tool_use" | "messages[].content[].container_upload" => {
            "messages.content.type".to_owned()
        }
        field => field.replace("[]", ""),
    }
}

fn without_numbers(param: &str) -> String {
    param.chars().filter(|it| !"[]0123456789".contains(*it)).collect()
}

#[test]
fn each_fate_is_what_happens_to_models_that_are_not_claude() {
    let base = parse(
        &Bytes::from(r#"{"max_tokens":2000,"messages":[{"role":"user","content":"Hi"}]}"#),
        Version::V20230601,
        &Betas::default(),
        Purpose::Answer,
    )
    .unwrap();
    for (field, fate, _) in FIELDS {
        let read = read(field);
        match *fate {
            "refused" => assert_eq!(without_numbers(&read.unwrap_err()), told(field), "{field}"),
            "dropped" => assert_eq!(read.unwrap().dropped, [told(field)], "{field}"),
            "mapped" | "emulated" => {
                let read = read.unwrap_or_else(|param| panic!("{field} is refused: {param}"));
                assert!(read.dropped.is_empty(), "{field}: {:?}", read.dropped);
                // These have their effect elsewhere: in the head, in the answer, or by asking for what is so anyway.
                let elsewhere = ["model", "stream", "thinking.display", "service_tier", "tool_choice.none"];
                let changed = read.request != base.request || read.hide_thinking;
                assert!(changed || elsewhere.contains(field), "{field} has no effect");
            }
            other => panic!("{field}: no such fate: {other}"),
        }
    }
    assert_eq!(head(&body("model")).unwrap(), Head { model: Some("m".into()), stream: false, shaped: false });
    assert!(head(&body("stream")).unwrap().stream);
}

#[test]
fn each_fate_is_what_happens_to_claude() {
    for (field, fate, _) in CLAUDE {
        let given = body(field);
        let sent = invoke::body(&given, Version::V20230601, &betas(field), TRAITS, Purpose::Answer);
        let name = field.split('.').next().unwrap();
        let there = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap().get(name).is_some();
        match *fate {
            "refused" => assert_eq!(sent.unwrap_err().param.as_deref(), Some(*field)),
            "dropped" => {
                let sent = sent.unwrap();
                assert_eq!((sent.dropped, there(&sent.body)), (vec![*field], false), "{field}");
            }
            "passed" => assert!(there(&sent.unwrap().body), "{field}"),
            // Links are found and replaced apart from the rest.
            "emulated" if field.ends_with(".url") => assert_eq!(invoke::find(&given).len(), 1, "{field}"),
            "mapped" | "emulated" => assert!(!there(&sent.unwrap().body), "{field}"),
            other => panic!("{field}: no such fate: {other}"),
        }
    }
}

#[test]
fn no_field_is_named_twice() {
    for table in [FIELDS, CLAUDE] {
        let names: HashSet<_> = table.iter().map(|(field, ..)| field).collect();
        assert_eq!(names.len(), table.len());
    }
}
