//! The whole answer, in one JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, Reasoning, Response};
use outcrop_types::TokenUsage;

use crate::escape::{put_integer, put_string};

/// Writes the answer; `latency_ms` is how long the call of the model took.
#[must_use]
pub fn response(response: &Response, latency_ms: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(1024);
    out.put_slice(b"{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
    let mut first = true;
    for block in &response.content {
        // No model says these.
        if matches!(block, Block::Image(_) | Block::ToolResult(_)) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.put_u8(b',');
        }
        put_block(&mut out, block);
    }
    out.put_slice(b"]}},\"stopReason\":");
    put_string(&mut out, response.stop_reason.name());
    out.put_u8(b',');
    put_usage_and_metrics(&mut out, &response.usage, latency_ms);
    out.put_u8(b'}');
    out.freeze()
}

fn put_block(out: &mut BytesMut, block: &Block) {
    match block {
        Block::Text(text) => {
            out.put_slice(b"{\"text\":");
            put_string(out, text);
            out.put_u8(b'}');
        }
        Block::ToolUse(call) => {
            out.put_slice(b"{\"toolUse\":{\"toolUseId\":");
            put_string(out, &call.id);
            out.put_slice(b",\"name\":");
            put_string(out, &call.name);
            out.put_slice(b",\"input\":");
            out.put_slice(call.input.to_string().as_bytes());
            out.put_slice(b"}}");
        }
        Block::Reasoning(Reasoning::Text { text, signature }) => {
            out.put_slice(b"{\"reasoningContent\":{\"reasoningText\":{\"text\":");
            put_string(out, text);
            if let Some(signature) = signature {
                out.put_slice(b",\"signature\":");
                put_string(out, signature);
            }
            out.put_slice(b"}}}");
        }
        Block::Reasoning(Reasoning::Redacted(bytes)) => {
            out.put_slice(b"{\"reasoningContent\":{\"redactedContent\":");
            put_blob(out, bytes);
            out.put_slice(b"}}");
        }
        _ => {}
    }
}

/// Bytes in base64, as REST-JSON has them.
pub(super) fn put_blob(out: &mut BytesMut, bytes: &[u8]) {
    put_string(out, &STANDARD.encode(bytes));
}

/// Writes the members `usage` and `metrics`, without the braces around them. Bedrock's own buckets: `inputTokens` is
/// neither from a cache nor for one.
pub(super) fn put_usage_and_metrics(out: &mut BytesMut, usage: &TokenUsage, latency_ms: u64) {
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
    out.put_slice(b",\"metrics\":{\"latencyMs\":");
    put_integer(out, latency_ms);
    out.put_u8(b'}');
}
