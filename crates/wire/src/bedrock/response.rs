//! The whole answer, in one JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, CitedText, Extra, Image, Reasoning, Response, Source, ToolUse};
use outcrop_types::TokenUsage;
use serde_json::Value;

use crate::escape::{put_integer, put_string};

/// Writes the answer; `latency_ms` is how long the call of the model took.
#[must_use]
pub fn response(response: &Response, latency_ms: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(1024);
    out.put_slice(b"{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
    let mut first = true;
    for block in &response.content {
        let before = out.len();
        if !first {
            out.put_u8(b',');
        }
        if put_block(&mut out, block) {
            first = false;
        } else {
            out.truncate(before);
        }
    }
    out.put_slice(b"]}},\"stopReason\":");
    put_string(&mut out, response.stop_reason.name());
    out.put_u8(b',');
    put_usage(&mut out, &response.usage);
    out.put_u8(b',');
    put_metrics(&mut out, latency_ms);
    put_fields(&mut out, response.extra.fields.as_ref());
    put_settings(&mut out, &response.extra);
    out.put_u8(b'}');
    out.freeze()
}

/// Writes the answer of CountTokens.
#[must_use]
pub fn count(tokens: u64) -> Bytes {
    Bytes::from(format!("{{\"inputTokens\":{tokens}}}"))
}

/// Whether it is something that models say.
fn put_block(out: &mut BytesMut, block: &Block) -> bool {
    match block {
        Block::Text(text) => put_text(out, text),
        Block::ToolUse(call) => put_tool_use(out, call),
        Block::Reasoning(it) => put_reasoning(out, it),
        Block::Cited(it) => put_cited(out, it),
        Block::Image(it) => return put_image(out, it),
        Block::Document(_)
        | Block::Video(_)
        | Block::Audio(_)
        | Block::Link(_)
        | Block::ToolResult(_)
        | Block::CachePoint(_)
        | Block::Guard(_)
        | Block::SearchResult(_) => return false,
    }
    true
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_slice(b"{\"text\":");
    put_string(out, text);
    out.put_u8(b'}');
}

fn put_tool_use(out: &mut BytesMut, call: &ToolUse) {
    out.put_slice(b"{\"toolUse\":{\"toolUseId\":");
    put_string(out, &call.id);
    out.put_slice(b",\"name\":");
    put_string(out, &call.name);
    out.put_slice(b",\"input\":");
    put_value(out, &call.input);
    out.put_slice(b"}}");
}

fn put_reasoning(out: &mut BytesMut, reasoning: &Reasoning) {
    match reasoning {
        Reasoning::Text { text, signature } => {
            out.put_slice(b"{\"reasoningContent\":{\"reasoningText\":{\"text\":");
            put_string(out, text);
            if let Some(signature) = signature {
                out.put_slice(b",\"signature\":");
                put_string(out, signature);
            }
            out.put_slice(b"}}}");
        }
        Reasoning::Redacted(bytes) => {
            out.put_slice(b"{\"reasoningContent\":{\"redactedContent\":");
            put_blob(out, bytes);
            out.put_slice(b"}}");
        }
    }
}

fn put_cited(out: &mut BytesMut, cited: &CitedText) {
    out.put_slice(b"{\"citationsContent\":{\"content\":[");
    put_text(out, &cited.text);
    out.put_slice(b"],\"citations\":[");
    for (index, citation) in cited.citations.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_value(out, citation);
    }
    out.put_slice(b"]}}");
}

/// A picture that the model made; none that is elsewhere.
fn put_image(out: &mut BytesMut, image: &Image) -> bool {
    out.put_slice(b"{\"image\":{\"format\":");
    put_string(out, image.format.name());
    out.put_slice(b",\"source\":{\"bytes\":");
    match &image.source {
        Source::Bytes(bytes) => put_blob(out, bytes),
        Source::Base64(text) => {
            // The letters of base64 need no escapes.
            out.put_u8(b'"');
            out.put_slice(text);
            out.put_u8(b'"');
        }
        Source::S3 { .. } => return false,
    }
    out.put_slice(b"}}}");
    true
}

fn put_value(out: &mut BytesMut, value: &Value) {
    out.put_slice(value.to_string().as_bytes());
}

/// Bytes in base64, as REST-JSON has them.
pub(super) fn put_blob(out: &mut BytesMut, bytes: &[u8]) {
    put_string(out, &STANDARD.encode(bytes));
}

/// Writes the member `additionalModelResponseFields` behind others, if there are fields.
pub(super) fn put_fields(out: &mut BytesMut, fields: Option<&Value>) {
    if let Some(fields) = fields {
        out.put_slice(b",\"additionalModelResponseFields\":");
        put_value(out, fields);
    }
}

/// Writes what else is told of an answer behind other members: `trace`, `performanceConfig`, `serviceTier`.
pub(super) fn put_settings(out: &mut BytesMut, extra: &Extra) {
    if let Some(trace) = &extra.trace {
        out.put_slice(b",\"trace\":");
        put_value(out, trace);
    }
    if let Some(optimized) = extra.optimized_latency {
        out.put_slice(b",\"performanceConfig\":{\"latency\":");
        put_string(out, if optimized { "optimized" } else { "standard" });
        out.put_u8(b'}');
    }
    if let Some(tier) = extra.service_tier {
        out.put_slice(b",\"serviceTier\":{\"type\":");
        put_string(out, tier.name());
        out.put_u8(b'}');
    }
}

/// Writes the member `metrics`.
pub(super) fn put_metrics(out: &mut BytesMut, latency_ms: u64) {
    out.put_slice(b"\"metrics\":{\"latencyMs\":");
    put_integer(out, latency_ms);
    out.put_u8(b'}');
}

/// Writes the member `usage`. Bedrock's own buckets: `inputTokens` is neither from a cache nor for one.
pub(super) fn put_usage(out: &mut BytesMut, usage: &TokenUsage) {
    let written = usage.cache_write_5m + usage.cache_write_1h;
    let fields: [(&[u8], u64); 5] = [
        (b"\"usage\":{\"inputTokens\":", usage.input),
        (b",\"outputTokens\":", usage.output),
        (b",\"totalTokens\":", usage.total()),
        (b",\"cacheReadInputTokens\":", usage.cache_read),
        (b",\"cacheWriteInputTokens\":", written),
    ];
    for (name, tokens) in fields {
        out.put_slice(name);
        put_integer(out, tokens);
    }
    let lifetimes = [("1h", usage.cache_write_1h), ("5m", usage.cache_write_5m)];
    for (at, (ttl, tokens)) in lifetimes.into_iter().filter(|(_, tokens)| *tokens > 0).enumerate() {
        out.put_slice(if at == 0 { b",\"cacheDetails\":[" } else { b"," });
        out.put_slice(b"{\"ttl\":");
        put_string(out, ttl);
        out.put_slice(b",\"inputTokens\":");
        put_integer(out, tokens);
        out.put_u8(b'}');
    }
    out.put_slice(if written > 0 { b"]}" } else { b"}" });
}
