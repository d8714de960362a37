//! `usage` as Anthropic counts it: as Bedrock does, input without what came from or went to a cache.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{Extra, ServiceTier};
use outcrop_types::TokenUsage;

use crate::escape::put_integer;

/// Writes the object, the tier last.
pub(super) fn put_usage(out: &mut BytesMut, usage: &TokenUsage, extra: &Extra) {
    put_counts(out, usage);
    out.put_slice(b",\"service_tier\":\"");
    out.put_slice(tier(extra.service_tier).as_bytes());
    out.put_slice(b"\"}");
}

/// The same for the end of a stream, whose beginning told the tier.
pub(super) fn put_delta_usage(out: &mut BytesMut, usage: &TokenUsage) {
    put_counts(out, usage);
    out.put_u8(b'}');
}

fn put_counts(out: &mut BytesMut, usage: &TokenUsage) {
    let fields: [(&[u8], u64); 5] = [
        (b"{\"input_tokens\":", usage.input),
        (b",\"cache_creation_input_tokens\":", usage.cache_write_5m + usage.cache_write_1h),
        (b",\"cache_read_input_tokens\":", usage.cache_read),
        (b",\"cache_creation\":{\"ephemeral_5m_input_tokens\":", usage.cache_write_5m),
        (b",\"ephemeral_1h_input_tokens\":", usage.cache_write_1h),
    ];
    for (name, count) in fields {
        out.put_slice(name);
        put_integer(out, count);
    }
    out.put_slice(b"},\"output_tokens\":");
    put_integer(out, usage.output);
    if usage.reasoning > 0 {
        out.put_slice(b",\"output_tokens_details\":{\"thinking_tokens\":");
        put_integer(out, usage.reasoning);
        out.put_u8(b'}');
    }
}

/// Anthropic's word: it knows two tiers of calls that are answered at once.
const fn tier(tier: Option<ServiceTier>) -> &'static str {
    match tier {
        Some(ServiceTier::Priority | ServiceTier::Reserved) => "priority",
        None | Some(ServiceTier::Default | ServiceTier::Flex) => "standard",
    }
}
