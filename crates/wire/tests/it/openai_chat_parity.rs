//! Each field of a chat request has the fate that the table in the documentation says.

use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use outcrop_wire::openai::chat::{Translated, parity, parse};
use serde_json::{Map, Value, json};

fn plain() -> Value {
    json!({ "messages": [{ "role": "user", "content": "hi" }] })
}

fn with(fields: Value) -> Value {
    let mut body = plain();
    let Value::Object(fields) = fields else { panic!("{fields}") };
    body.as_object_mut().unwrap().extend(fields);
    body
}

fn part(part: &Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }, part] }] })
}

fn later(turns: &Value) -> Value {
    let mut messages = vec![json!({ "role": "user", "content": "hi" })];
    messages.extend(turns.as_array().unwrap().iter().cloned());
    json!({ "messages": messages })
}

fn tool(more: &Value) -> Value {
    let mut tool = json!({ "type": "function", "function": { "name": "f" } });
    tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tool
}

/// A request with this field, and the one to compare with, which lacks it.
fn sample(field: &str) -> (Value, Value) {
    let offered = |more: Value| with(json!({ "tools": [tool(&json!({}))] })).merged(more);
    let said = |more: Value| {
        later(
            &json!([json!({ "role": "assistant", "content": "yes" }).merged(more), { "role": "user", "content": "go" }]),
        )
    };
    let called = json!({ "id": "1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let result = json!({ "role": "tool", "tool_call_id": "1", "content": "ok" });
    let png = "data:image/png;base64,iVBORw0KGgo=";
    let text = |more: Value| part(&json!({ "type": "text", "text": "there" }).merged(more));
    let functions = json!({ "functions": [{ "name": "f" }] });
    let stream = json!({ "stream": true });
    match field {
        "model" => (with(json!({ "model": "m" })), plain()),
        "stream" => (with(stream), plain()),
        "stream_options.include_usage" => (
            with(stream.clone()).merged(json!({ "stream_options": { "include_usage": true } })),
            with(stream),
        ),
        "max_completion_tokens" | "max_tokens" | "top_k" | "n" => (with(json!({ field: 3 })), plain()),
        "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => {
            (with(json!({ field: 0.5 })), plain())
        }
        "stop" => (with(json!({ "stop": ["END"] })), plain()),
        "tools[].function" => (offered(json!({})), plain()),
        "tools[].function.strict" => (
            with(json!({ "tools": [tool(&json!({ "function": { "name": "f", "strict": true } }))] })),
            offered(json!({})),
        ),
        "tools[].custom" => {
            (with(json!({ "tools": [{ "type": "custom", "custom": { "name": "f" } }] })), plain())
        }
        "tools[].cache_control" => (
            with(json!({ "tools": [tool(&json!({ "cache_control": { "type": "ephemeral" } }))] })),
            offered(json!({})),
        ),
        "tool_choice" => (offered(json!({ "tool_choice": "required" })), offered(json!({}))),
        "tool_choice.none" => (offered(json!({ "tool_choice": "none" })), offered(json!({}))),
        "parallel_tool_calls" => (offered(json!({ "parallel_tool_calls": false })), offered(json!({}))),
        "functions" => (with(functions), plain()),
        "function_call" => {
            (with(functions.clone()).merged(json!({ "function_call": { "name": "f" } })), with(functions))
        }
        "web_search_options" => (with(json!({ "web_search_options": {} })), plain()),
        "web_search_options.search_context_size" | "web_search_options.user_location" => {
            let name = field.rsplit('.').next().unwrap();
            (with(json!({ "web_search_options": { name: {} } })), with(json!({ "web_search_options": {} })))
        }
        "response_format.json_object" => {
            (with(json!({ "response_format": { "type": "json_object" } })), plain())
        }
        "response_format.json_schema" => {
            let schema = json!({ "name": "a", "schema": { "type": "object" } });
            (with(json!({ "response_format": { "type": "json_schema", "json_schema": schema } })), plain())
        }
        "reasoning_effort" => (with(json!({ "reasoning_effort": "none" })), plain()),
        "service_tier" => (with(json!({ "service_tier": "flex" })), plain()),
        "metadata" | "request_metadata" => (with(json!({ field: { "a": "b" } })), plain()),
        "user" | "safety_identifier" | "prompt_cache_key" => (with(json!({ field: "me" })), plain()),
        "modalities" => (with(json!({ "modalities": ["text", "audio"] })), plain()),
        "prompt_cache_options" => (with(json!({ field: { "mode": "implicit" } })), plain()),
        "prompt_cache_options.ttl" => (with(json!({ "prompt_cache_options": { "ttl": "30m" } })), plain()),
        "prompt_caching" => (with(json!({ "extra_body": { field: { "system": true } } })), plain()),
        "extra_body" => (with(json!({ field: { "a": 1 } })), plain()),
        "audio" | "moderation" | "prediction" => (with(json!({ field: {} })), plain()),
        "logit_bias" => (with(json!({ "logit_bias": { "1": 2 } })), plain()),
        "logprobs" | "store" => (with(json!({ field: true })), plain()),
        "top_logprobs" | "seed" => (with(json!({ field: 3 })), plain()),
        "prompt_cache_retention" => (with(json!({ field: "24h" })), plain()),
        "verbosity" => (with(json!({ field: "low" })), plain()),
        "messages[].role" => (
            json!({ "messages": [{ "role": "developer", "content": "be" }, { "role": "user", "content": "hi" }] }),
            json!({ "messages": [{ "role": "user", "content": "be" }, { "role": "user", "content": "hi" }] }),
        ),
        "messages[].role.function" | "messages[].function_call" => (
            later(&json!([
                { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } },
                { "role": "function", "name": "f", "content": "ok" }
            ])),
            plain(),
        ),
        "messages[].name" => {
            (json!({ "messages": [{ "role": "user", "name": "me", "content": "hi" }] }), plain())
        }
        "messages[].content[].text" => (text(json!({})), plain()),
        "messages[].content[].refusal" => {
            let content = json!({ "content": [{ "type": "refusal", "refusal": "no" }] });
            (said(content), said(json!({})))
        }
        "messages[].content[].image_url" => {
            (part(&json!({ "type": "image_url", "image_url": { "url": png } })), plain())
        }
        "messages[].content[].image_url.detail" => (
            part(&json!({ "type": "image_url", "image_url": { "url": png, "detail": "high" } })),
            part(&json!({ "type": "image_url", "image_url": { "url": png } })),
        ),
        "messages[].content[].input_audio" => (
            part(&json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } })),
            plain(),
        ),
        "messages[].content[].file.file_data" => {
            (part(&json!({ "type": "file", "file": { "file_data": "AAAA", "filename": "a.pdf" } })), plain())
        }
        "messages[].content[].file.file_id" => {
            (part(&json!({ "type": "file", "file": { "file_id": "f" } })), plain())
        }
        "messages[].content[].video_url" => (
            part(&json!({ "type": "video_url", "video_url": { "url": "data:video/mp4;base64,AAAA" } })),
            plain(),
        ),
        "messages[].content[].prompt_cache_breakpoint" => {
            (text(json!({ "prompt_cache_breakpoint": { "mode": "explicit" } })), text(json!({})))
        }
        "messages[].content[].cache_control" => {
            (text(json!({ "cache_control": { "type": "ephemeral" } })), text(json!({})))
        }
        "messages[].cache_control" => (
            json!({ "messages": [{ "role": "user", "content": "hi", "cache_control": { "type": "ephemeral" } }] }),
            plain(),
        ),
        "messages[].refusal" => (said(json!({ "refusal": "no" })), said(json!({}))),
        "messages[].audio" => (said(json!({ "audio": { "id": "a" } })), said(json!({}))),
        "messages[].tool_calls" | "messages[].tool_call_id" => {
            (later(&json!([{ "role": "assistant", "tool_calls": [called] }, result])), plain())
        }
        "messages[].thinking_blocks" => {
            let block = json!({ "type": "thinking", "thinking": "hm", "signature": "c2ln" });
            (said(json!({ "thinking_blocks": [block] })), said(json!({})))
        }
        "messages[].reasoning_content" | "messages[].reasoning" => {
            let name = field.rsplit('.').next().unwrap();
            (said(json!({ name: "hm" })), said(json!({})))
        }
        "thinking" => (with(json!({ "thinking": { "type": "enabled", "budget_tokens": 2048 } })), plain()),
        "anthropic_beta" => (with(json!({ "anthropic_beta": ["a", "b"] })), plain()),
        "additional_model_request_fields" => (with(json!({ field: { "a": 1 } })), plain()),
        "additional_model_response_field_paths" => (with(json!({ field: ["/a"] })), plain()),
        "guardrail" => {
            (with(json!({ "guardrail": { "guardrailIdentifier": "g", "guardrailVersion": "1" } })), plain())
        }
        "performance_config" => (with(json!({ field: { "latency": "optimized" } })), plain()),
        other => panic!("no sample for {other}"),
    }
}

trait Merged {
    fn merged(self, more: Value) -> Value;
}

impl Merged for Value {
    fn merged(mut self, more: Value) -> Value {
        let Value::Object(more) = more else { panic!("{more}") };
        self.as_object_mut().unwrap().extend::<Map<String, Value>>(more);
        self
    }
}

/// What is left to see of a request.
fn seen(body: &Value) -> Result<(Translated, Option<String>, bool, bool), InvalidRequest> {
    let bytes = Bytes::from(body.to_string());
    let asked = parse(&bytes)?;
    let (model, stream, include_usage) = (asked.model.clone(), asked.stream, asked.include_usage);
    Ok((asked.into_chat()?, model, stream, include_usage))
}

#[test]
fn each_field_has_the_fate_that_the_table_says() {
    for (field, fate, _) in parity::FIELDS {
        let (body, without) = sample(field);
        let name = field.replace("[]", "");
        let last = name.rsplit('.').next().unwrap();
        let plain = seen(&without).unwrap();
        match (*fate, seen(&body)) {
            ("refused", Err(error)) => {
                let param = error.param.unwrap();
                let kind = param.ends_with(".type") && field.contains(".custom");
                assert!(param.ends_with(last) || kind, "{field}: {param}");
            }
            ("dropped", Ok((mut found, ..))) => {
                let named = found.dropped.iter().any(|it| name.ends_with(it) || *it == name);
                assert!(named, "{field}: {:?}", found.dropped);
                found.dropped.clear();
                assert_eq!(found.request, plain.0.request, "{field}: nothing else changes");
            }
            ("mapped" | "emulated", Ok(found)) => {
                assert_ne!(found, plain, "{field}: has an effect");
                assert_eq!(found.0.dropped, Vec::<&str>::new(), "{field}");
            }
            (fate, found) => panic!("{field} is {fate}: {found:?}"),
        }
    }
}

#[test]
fn the_table_names_each_field_once() {
    let mut names: Vec<&str> = parity::FIELDS.iter().map(|(field, ..)| *field).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
