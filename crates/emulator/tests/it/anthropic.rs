//! What Bedrock refuses of a body for Claude, and what its streams hold.

#![expect(clippy::needless_pass_by_value, reason = "so that the cases read as JSON")]

use crate::Running;
use serde_json::{Value, json};

const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const OPUS: &str = "us.anthropic.claude-opus-4-8";

fn path(model: &str) -> String {
    format!("/model/{model}/invoke")
}

fn body(change: &Value) -> Value {
    let mut body = json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4000,
        "messages": [{"role": "user", "content": "x"}]});
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn user(block: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [block]}]})
}

fn text(text: &str, control: Value) -> Value {
    json!({"type": "text", "text": text, "cache_control": control})
}

#[tokio::test]
async fn what_bedrock_refuses_is_refused() {
    let emulator = Running::start().await;
    let control = json!({"type": "ephemeral"});
    let pdf = |source: Value| user(json!({"type": "document", "source": source}));
    let thinking = json!({"type": "enabled", "budget_tokens": 2000});
    let cases = [
        (HAIKU, json!({"anthropic_version": "2026-10-21"}), "is not supported by this model"),
        (HAIKU, json!({"metadata": {"user_id": "u"}}), "metadata: Extra inputs are not permitted"),
        (HAIKU, json!({"cache_control": control}), "cache_control: Extra inputs are not permitted"),
        (HAIKU, json!({"context_management": {}}), "context_management: Extra inputs are not permitted"),
        (HAIKU, json!({"anthropic_beta": ["no-such-2026-01-01"]}), "invalid beta flag"),
        (OPUS, json!({"anthropic_beta": ["interleaved-thinking-2025-05-14"]}), "invalid beta flag"),
        (OPUS, json!({"temperature": 1}), "`temperature` is deprecated for this model."),
        (OPUS, json!({"thinking": thinking}), "is not supported for this model"),
        (HAIKU, json!({"thinking": {"type": "adaptive"}}), "is not supported on this model"),
        (HAIKU, json!({"thinking": {"type": "enabled", "budget_tokens": 4000}}), "must be greater than"),
        (HAIKU, json!({"thinking": thinking, "temperature": 0.5}), "may only be set to 1"),
        (HAIKU, user(text("x", json!({"type": "forever"}))), "does not match any of the expected tags"),
        (HAIKU, user(text("x", json!({"type": "ephemeral", "ttl": "1d"}))), "Input should be '5m' or '1h'"),
        (
            HAIKU,
            json!({"messages": [{"role": "user", "content": vec![text("x", control.clone()); 5]}]}),
            "A maximum of 4 blocks",
        ),
        (
            HAIKU,
            json!({"messages": [{"role": "user", "content": [
                text("x", control.clone()), text("y", json!({"type": "ephemeral", "ttl": "1h"}))]}]}),
            "must not come after",
        ),
        (HAIKU, pdf(json!({"type": "url", "url": "https://x"})), "not supported on Bedrock"),
        (
            HAIKU,
            pdf(json!({"type": "base64", "media_type": "text/plain", "data": "AAAA"})),
            "application/pdf",
        ),
        (HAIKU, pdf(json!({"type": "base64", "media_type": "application/pdf", "data": "AAAA"})), "not valid"),
        (
            HAIKU,
            json!({"thinking": thinking, "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "Zm9yZ2Vk"}]},
                {"role": "user", "content": "y"}]}),
            "Invalid `data`",
        ),
        (
            HAIKU,
            json!({"thinking": thinking, "tools": [{"name": "a", "input_schema": {}}], "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "a", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "i"}]}]}),
            "Expected `thinking` or `redacted_thinking`",
        ),
    ];
    for (model, change, fragment) in cases {
        let (status, _, answer) = emulator.post(&path(model), &body(&change)).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(fragment), "{change}: {answer}");
    }
}

#[tokio::test]
async fn what_bedrock_takes_is_taken() {
    let emulator = Running::start().await;
    let beta = json!(["context-management-2025-06-27"]);
    let cases = [
        (OPUS, json!({"anthropic_version": "2026-10-21"})),
        (
            OPUS,
            json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}}),
        ),
        (HAIKU, json!({"context_management": {"edits": []}, "anthropic_beta": beta})),
        (HAIKU, json!({"anthropic_beta": ["interleaved-thinking-2025-05-14"]})),
        (
            HAIKU,
            user(
                json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}),
            ),
        ),
    ];
    for (model, change) in cases {
        let (status, _, answer) = emulator.post(&path(model), &body(&change)).await;
        assert_eq!(status, 200, "{change}: {answer}");
    }
}

#[tokio::test]
async fn encrypted_thoughts_come_and_go_back() {
    let emulator = Running::start().await;
    let thinking = json!({"type": "enabled", "budget_tokens": 2000});
    let ask = json!({"thinking": thinking, "messages": [{"role": "user", "content": "[[redact: secret]][[say: hi]]"}]});
    let (_, _, answer) = emulator.post(&path(HAIKU), &body(&ask)).await;
    assert_eq!(answer["content"][0]["type"], "redacted_thinking", "{answer}");
    assert!(answer["usage"]["output_tokens_details"]["thinking_tokens"].as_u64().unwrap() > 0);
    let again = json!({"thinking": thinking, "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "y"}]});
    assert_eq!(emulator.post(&path(HAIKU), &body(&again)).await.0, 200);

    let converse =
        json!({"messages": [{"role": "user", "content": [{"text": "[[redact: secret]][[say: hi]]"}]}]});
    let (_, _, answer) = emulator.post(&format!("/model/{HAIKU}/converse"), &converse).await;
    let block = &answer["output"]["message"]["content"][0];
    assert!(block["reasoningContent"]["redactedContent"].is_string(), "{answer}");
}
