//! What of Anthropic's requests is refused, by which field.

#![expect(clippy::needless_pass_by_value, reason = "so that the cases read as JSON")]

use bytes::Bytes;
use outcrop_wire::anthropic::invoke;
use outcrop_wire::anthropic::{Betas, Purpose, Version, parse};
use serde_json::{Value, json};

use crate::anthropic_requests::TRAITS;

fn with(fields: &Value) -> Bytes {
    let mut body = json!({"max_tokens": 2000, "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Bytes::from(body.to_string())
}

fn said(role: &str, block: Value) -> Value {
    json!({"messages": [{"role": role, "content": [block]}]})
}

fn refused(version: Version, fields: &Value) -> Option<String> {
    let error = parse(&with(fields), version, &Betas::default(), Purpose::Answer).err()?;
    assert!(!error.message.is_empty());
    Some(error.param.unwrap_or_default())
}

/// The field blamed, and whether Claude's body is refused for it too.
fn general() -> Vec<(Value, &'static str, bool)> {
    let tool = json!({"name": "a", "input_schema": {"type": "object"}});
    vec![
        (json!({"max_tokens": null}), "max_tokens", true),
        (json!({"max_tokens": 0}), "max_tokens", true),
        (json!({"max_tokens": -1}), "max_tokens", true),
        (json!({"messages": null}), "messages", true),
        (json!({"messages": []}), "messages", false),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages[0].role", false),
        (json!({"messages": [{"role": "system", "content": "x"}]}), "messages[0].role", false),
        (json!({"messages": [{"role": "user"}]}), "messages[0].content", false),
        (json!({"system": 5}), "system", false),
        (json!({"system": [{"type": "image"}]}), "system[0].type", false),
        (json!({"temperature": 1.5}), "temperature", false),
        (json!({"top_p": -0.5}), "top_p", false),
        (json!({"stop_sequences": "END"}), "stop_sequences", false),
        (json!({"tools": [{"name": "a"}]}), "tools[0].input_schema", false),
        (json!({"tools": [{"name": "a", "input_schema": "x"}]}), "tools[0].input_schema", false),
        (json!({"tools": [{"input_schema": {}}]}), "tools[0].name", false),
        (json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools[0].type", false),
        (json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}), "tools[0].type", false),
        (json!({"tools": [tool], "tool_choice": {"type": "tool"}}), "tool_choice.name", false),
        (json!({"tools": [tool], "tool_choice": {"type": "tool", "name": "b"}}), "tool_choice.name", false),
        (json!({"tools": [tool], "tool_choice": {"type": "some"}}), "tool_choice.type", false),
        (json!({"tool_choice": {"type": "any"}}), "tool_choice", false),
        (json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens", false),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1000}}), "thinking.budget_tokens", false),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), "thinking.budget_tokens", false),
        (json!({"thinking": {"type": "hard"}}), "thinking.type", false),
        (json!({"output_config": {"effort": "none"}}), "output_config.effort", false),
        (json!({"output_config": {"format": {"type": "text"}}}), "output_config.format.type", false),
        (json!({"output_config": {"format": {"type": "json_schema"}}}), "output_config.format.schema", false),
        (json!({"cache_control": {"type": "forever"}}), "cache_control.type", true),
        (json!({"cache_control": {"type": "ephemeral", "ttl": "1d"}}), "cache_control.ttl", true),
        (json!({"container": "c_1"}), "container", true),
        (json!({"mcp_servers": [{"url": "x"}]}), "mcp_servers", true),
        (json!({"inference_geo": "us"}), "inference_geo", true),
        (json!({"service_tier": "flex"}), "service_tier", true),
    ]
}

/// The field blamed for a block of a message.
fn blocks() -> Vec<(Value, &'static str)> {
    let source = |source: Value| json!({"type": "image", "source": source});
    let result = |part: Value| json!({"type": "tool_result", "tool_use_id": "t", "content": [part]});
    vec![
        (said("user", json!({"type": "text"})), "messages[0].content[0].text"),
        (said("user", json!({"text": "x"})), "messages[0].content[0].type"),
        (said("user", json!({"type": "poem"})), "messages[0].content[0].type"),
        (
            said("user", json!({"type": "tool_use", "id": "t", "name": "a", "input": {}})),
            "messages[0].content[0].type",
        ),
        (
            said("assistant", json!({"type": "tool_result", "tool_use_id": "t"})),
            "messages[0].content[0].type",
        ),
        (said("user", json!({"type": "tool_result"})), "messages[0].content[0].tool_use_id"),
        (
            said("assistant", json!({"type": "tool_use", "name": "a", "input": {}})),
            "messages[0].content[0].id",
        ),
        (
            said("assistant", json!({"type": "tool_use", "id": "t", "input": {}})),
            "messages[0].content[0].name",
        ),
        (
            said("assistant", json!({"type": "tool_use", "id": "t", "name": "a", "input": []})),
            "messages[0].content[0].input",
        ),
        (
            said(
                "assistant",
                json!({"type": "server_tool_use", "id": "t", "name": "web_search", "input": {}}),
            ),
            "messages[0].content[0].type",
        ),
        (
            said(
                "assistant",
                json!({"type": "web_search_tool_result", "tool_use_id": "t", "content": {"type": "error"}}),
            ),
            "messages[0].content[0].type",
        ),
        (said("user", json!({"type": "container_upload", "file_id": "f"})), "messages[0].content[0].type"),
        (said("assistant", json!({"type": "image"})), "messages[0].content[0].type"),
        (said("assistant", json!({"type": "thinking"})), "messages[0].content[0].thinking"),
        (said("assistant", json!({"type": "redacted_thinking", "data": "%"})), "messages[0].content[0].data"),
        (said("user", json!({"type": "image"})), "messages[0].content[0].source"),
        (said("user", source(json!({"type": "file", "file_id": "f"}))), "messages[0].content[0].source.type"),
        (said("user", source(json!({"type": "url"}))), "messages[0].content[0].source.url"),
        (
            said("user", source(json!({"type": "base64", "data": "AAAA"}))),
            "messages[0].content[0].source.media_type",
        ),
        (
            said("user", source(json!({"type": "base64", "media_type": "image/tiff", "data": "AAAA"}))),
            "messages[0].content[0].source.media_type",
        ),
        (
            said("user", source(json!({"type": "base64", "media_type": "image/png", "data": "!"}))),
            "messages[0].content[0].source.data",
        ),
        (
            said("user", json!({"type": "search_result", "title": "t", "content": []})),
            "messages[0].content[0].source",
        ),
        (
            said(
                "user",
                json!({"type": "document", "source": {"type": "content", "content": [{"type": "image"}]}}),
            ),
            "messages[0].content[0].source.content[0].type",
        ),
        (
            said("user", result(json!({"type": "tool_reference", "tool_name": "x"}))),
            "messages[0].content[0].content[0].type",
        ),
        (
            said("user", result(json!({"type": "image", "source": {"type": "file"}}))),
            "messages[0].content[0].content[0].source.type",
        ),
        (
            said("user", json!({"type": "text", "text": "x", "cache_control": {"type": "x"}})),
            "cache_control.type",
        ),
    ]
}

#[test]
fn each_refusal_names_its_field() {
    for (fields, param, _) in general() {
        assert_eq!(refused(Version::V20230601, &fields).as_deref(), Some(param), "{fields}");
    }
    for (fields, param) in blocks() {
        assert_eq!(refused(Version::V20230601, &fields).as_deref(), Some(param), "{fields}");
    }
}

#[test]
fn claude_is_refused_little_here_and_judges_the_rest() {
    for (fields, param, refused) in general() {
        let body = with(&fields);
        let error = invoke::body(&body, Version::V20230601, &Betas::default(), TRAITS, Purpose::Answer).err();
        let blamed = error.and_then(|error| error.param);
        assert_eq!(blamed.as_deref(), refused.then_some(param), "{fields}");
    }
    let most = with(&json!({"max_tokens": 64_001}));
    let error =
        invoke::body(&most, Version::V20230601, &Betas::default(), TRAITS, Purpose::Answer).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("max_tokens"));
}

#[test]
fn the_version_of_2026_has_rules_of_its_own() {
    let document =
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    let cited = json!({"type": "text", "text": "x", "citations": [{}]});
    let cases = [
        (json!({"temperature": 1}), "temperature"),
        (json!({"top_p": 1}), "top_p"),
        (json!({"top_k": 1}), "top_k"),
        (said("assistant", document), "messages[0].content[0].type"),
        (said("user", cited), "messages[0].content[0].citations"),
        (said("system", json!({"type": "image"})), "messages[0].content[0].type"),
    ];
    for (fields, param) in cases {
        assert_eq!(refused(Version::V20261021, &fields).as_deref(), Some(param), "{fields}");
        if param.starts_with("t") {
            assert_eq!(refused(Version::V20230601, &fields), None, "{fields}");
            let claude =
                invoke::body(&with(&fields), Version::V20261021, &Betas::default(), TRAITS, Purpose::Answer);
            assert_eq!(claude.unwrap_err().param.as_deref(), Some(param));
        }
    }
}
