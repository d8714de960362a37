//! InvokeModel: the model's own words in Bedrock's frames, and what Bedrock says of them.

mod limit;
mod s3;
mod sold;
mod written;

use bytes::{BufMut, BytesMut};
use outcrop_types::{ErrorCode, TokenUsage};
use serde::Deserialize;

use super::event_stream::{put_event, put_exception};
use super::response::put_blob;
use crate::Dialect;
use crate::anthropic::invoke::Weight;
use crate::error::{ErrorBody, render};
use crate::json::end_of_string;

pub use limit::{MostOutput, most_output, most_output_of, take_most_output};
pub use s3::{Check, check_s3, check_s3_fields};
pub use sold::{Queries, count_asked_pictures, count_pictures, queries};

/// The member that Bedrock adds to the last chunk of a stream.
const METRICS: &str = "\"amazon-bedrock-invocationMetrics\"";

/// Appends a chunk of InvokeModelWithResponseStream: one event of the model's own.
pub fn put_chunk(out: &mut BytesMut, chunk: &[u8]) {
    put_event(out, "chunk", |out| {
        out.put_slice(b"{\"bytes\":");
        put_blob(out, chunk);
        out.put_u8(b'}');
    });
}

/// Appends the exception that ends a failed stream.
pub fn put_failure(out: &mut BytesMut, error: &ErrorBody) {
    put_exception(out, exception(error.code), |out| {
        out.put_slice(&render(Dialect::Bedrock, error).body);
    });
}

/// As those of ConverseStream, and one more.
const fn exception(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Timeout => "modelTimeoutException",
        _ => super::stream::exception(code),
    }
}

#[derive(Deserialize)]
struct LastChunk {
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    metrics: Metrics,
}

/// Amazon Bedrock API reference, InvokeModelWithResponseStream.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Metrics {
    input_token_count: u64,
    output_token_count: u64,
    cache_read_input_token_count: u64,
    cache_write_input_token_count: u64,
}

/// What a streamed call used, if this is its last chunk. How long what was written to the cache is kept is not told:
/// five minutes is the usual.
#[must_use]
pub fn chunk_usage(chunk: &[u8]) -> Option<TokenUsage> {
    // Most chunks are not the last one. In a text of the model the quotation marks would be escaped.
    memchr::memmem::find(chunk, METRICS.as_bytes())?;
    let LastChunk { metrics } = serde_json::from_slice(chunk).ok()?;
    Some(TokenUsage {
        input: metrics.input_token_count,
        output: metrics.output_token_count,
        cache_read: metrics.cache_read_input_token_count,
        cache_write_5m: metrics.cache_write_input_token_count,
        ..TokenUsage::default()
    })
}

/// What Anthropic's own usage tells, in a whole answer or at the beginning of a stream: how long what was written to the
/// cache is kept, for one. `None` in what other makers' models say.
#[must_use]
pub fn claude_usage(body: &[u8]) -> Option<TokenUsage> {
    #[derive(Deserialize)]
    struct Answer {
        usage: Option<Usage>,
        message: Option<Started>,
    }
    #[derive(Deserialize)]
    struct Started {
        usage: Usage,
    }
    #[derive(Deserialize)]
    struct Usage {
        #[serde(default)]
        input_tokens: u64,
        #[serde(default)]
        output_tokens: u64,
        cache_read_input_tokens: Option<u64>,
        cache_creation: Creation,
    }
    #[derive(Deserialize)]
    struct Creation {
        ephemeral_1h_input_tokens: u64,
        ephemeral_5m_input_tokens: u64,
    }
    memchr::memmem::find(body, b"\"cache_creation\"")?;
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let usage = answer.usage.or(answer.message.map(|it| it.usage))?;
    Some(TokenUsage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens.unwrap_or_default(),
        cache_write_5m: usage.cache_creation.ephemeral_5m_input_tokens,
        cache_write_1h: usage.cache_creation.ephemeral_1h_input_tokens,
        ..TokenUsage::default()
    })
}

/// Bedrock's counts, with what was written to the cache parted as `told` parts it, if that is the same sum.
#[must_use]
pub const fn with_lifetimes(counted: TokenUsage, told: &TokenUsage) -> TokenUsage {
    let written = counted.cache_write_5m + counted.cache_write_1h;
    if told.cache_write_5m + told.cache_write_1h != written {
        return counted;
    }
    TokenUsage { cache_write_5m: told.cache_write_5m, cache_write_1h: told.cache_write_1h, ..counted }
}

/// What the text weighs that the model wrote in a chunk, or in a whole answer: in the shapes of those whose models Bedrock
/// has, all other chunks of which hold none; else what `longest_string` says.
#[must_use]
pub fn written(chunk: &[u8]) -> Weight {
    written::weight(chunk).unwrap_or_else(|| Weight::of_json_string(longest_string(chunk)))
}

/// The longest string, which next to ids and names of events is what the model wrote.
fn longest_string(chunk: &[u8]) -> &[u8] {
    let (mut longest, mut at) = (&chunk[..0], 0);
    while let Some(start) = memchr::memchr(b'"', &chunk[at..]).map(|found| at + found + 1) {
        let end = end_of_string(chunk, start);
        // A name is followed by a colon.
        if chunk.get(end + 1) != Some(&b':') {
            longest = if end - start > longest.len() { &chunk[start..end] } else { longest };
        }
        at = (end + 1).min(chunk.len());
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bedrocks_own_metrics_are_read() {
        let last = br#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":7,"outputTokenCount":5,
            "invocationLatency":3,"firstByteLatency":1,"cacheReadInputTokenCount":2}}"#;
        let usage = TokenUsage { input: 7, output: 5, cache_read: 2, ..TokenUsage::default() };
        assert_eq!(chunk_usage(last), Some(usage));
        let said = br#"{"delta":{"text":"\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":9}"}}"#;
        assert_eq!(chunk_usage(said), None);
        assert_eq!(chunk_usage(br#"{"text":"hi"}"#), None);
        assert_eq!(chunk_usage(br#"{"amazon-bedrock-invocationMetrics":"#), None);
    }

    #[test]
    fn lifetimes_of_caches_are_read_where_they_are_told() {
        let usage = r#""usage":{"input_tokens":1,"cache_creation":{"ephemeral_1h_input_tokens":3,
            "ephemeral_5m_input_tokens":4}}"#;
        let told = TokenUsage { input: 1, cache_write_1h: 3, cache_write_5m: 4, ..TokenUsage::default() };
        assert_eq!(claude_usage(format!("{{{usage}}}").as_bytes()), Some(told));
        let start = format!(r#"{{"type":"message_start","message":{{{usage}}}}}"#);
        assert_eq!(claude_usage(start.as_bytes()), Some(told));
        assert_eq!(claude_usage(br#"{"usage":{"input_tokens":1}}"#), None);

        let counted = |written| TokenUsage { output: 9, cache_write_5m: written, ..TokenUsage::default() };
        let parted = TokenUsage { output: 9, cache_write_1h: 3, cache_write_5m: 4, ..TokenUsage::default() };
        assert_eq!(with_lifetimes(counted(7), &told), parted);
        assert_eq!(with_lifetimes(counted(8), &told), counted(8), "another sum says something else");
    }

    #[test]
    fn what_is_of_no_known_shape_is_as_long_as_its_longest_string() {
        let cases: [(&str, usize); 6] = [
            (r#"{"type":"x","delta":{"text":"four words \"and\" more"}}"#, 23),
            (r#"{"generation":"hello","stop_reason":null}"#, 5),
            (r#"{"a_very_long_name":1}"#, 0),
            (r#"{"open":"never closed"#, 12),
            (r#""\"#, 1),
            ("", 0),
        ];
        for (chunk, bytes) in cases {
            assert_eq!(longest_string(chunk.as_bytes()).len(), bytes, "{chunk}");
        }
    }
}
