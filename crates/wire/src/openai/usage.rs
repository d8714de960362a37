//! OpenAI's `usage`.

use bytes::{BufMut, BytesMut};
use outcrop_types::TokenUsage;

use crate::escape::put_integer;

/// Writes the `usage` object: `prompt_tokens` counts everything read, cached or not, as OpenAI's does.
///
/// How long what was written to the cache is kept stands in `cache_creation_token_details`, which is LiteLLM's name for
/// what OpenAI does not tell, and only there when something was written.
pub(super) fn put_usage(out: &mut BytesMut, usage: &TokenUsage) {
    let written = usage.cache_write_5m + usage.cache_write_1h;
    let fields: [(&[u8], u64); 5] = [
        (b"{\"prompt_tokens\":", usage.total_input()),
        (b",\"completion_tokens\":", usage.output),
        (b",\"total_tokens\":", usage.total()),
        (b",\"prompt_tokens_details\":{\"cached_tokens\":", usage.cache_read),
        (b",\"cache_write_tokens\":", written),
    ];
    put_fields(out, &fields);
    if written > 0 {
        let split: [(&[u8], u64); 2] = [
            (b",\"cache_creation_token_details\":{\"ephemeral_5m_input_tokens\":", usage.cache_write_5m),
            (b",\"ephemeral_1h_input_tokens\":", usage.cache_write_1h),
        ];
        put_fields(out, &split);
        out.put_u8(b'}');
    }
    put_fields(out, &[(b"},\"completion_tokens_details\":{\"reasoning_tokens\":", usage.reasoning)]);
    out.put_slice(b"}}");
}

fn put_fields(out: &mut BytesMut, fields: &[(&[u8], u64)]) {
    for (name, tokens) in fields {
        out.put_slice(name);
        put_integer(out, tokens);
    }
}

/// What two chats used together.
#[must_use]
pub fn sum(one: &TokenUsage, other: &TokenUsage) -> TokenUsage {
    TokenUsage {
        input: one.input + other.input,
        cache_read: one.cache_read + other.cache_read,
        cache_write_5m: one.cache_write_5m + other.cache_write_5m,
        cache_write_1h: one.cache_write_1h + other.cache_write_1h,
        output: one.output + other.output,
        reasoning: one.reasoning + other.reasoning,
        ..*one
    }
}
