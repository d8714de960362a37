//! OpenAI's `usage`.

use bytes::{BufMut, BytesMut};
use outcrop_types::TokenUsage;

use crate::escape::put_integer;

/// Writes the `usage` object: `prompt_tokens` counts everything read, cached or not, as OpenAI's does.
pub(super) fn put_usage(out: &mut BytesMut, usage: &TokenUsage) {
    let fields: [(&[u8], u64); 6] = [
        (b"{\"prompt_tokens\":", usage.total_input()),
        (b",\"completion_tokens\":", usage.output),
        (b",\"total_tokens\":", usage.total()),
        (b",\"prompt_tokens_details\":{\"cached_tokens\":", usage.cache_read),
        (b",\"cache_write_tokens\":", usage.cache_write_5m + usage.cache_write_1h),
        (b"},\"completion_tokens_details\":{\"reasoning_tokens\":", usage.reasoning),
    ];
    for (name, tokens) in fields {
        out.put_slice(name);
        put_integer(out, tokens);
    }
    out.put_slice(b"}}");
}
