//! The whole answer of InvokeModel, on its way to the client.

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_types::TokenUsage;
use serde::Deserialize;

use super::object::{Object, Writer};
use crate::escape::put_string;

/// What Bedrock adds to Anthropic's answers.
const BEDROCKS_OWN: &str = "amazon-bedrock-";

/// An answer and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAnswer {
    /// The body for the client.
    pub body: Bytes,
    /// What was used, if it tells.
    pub usage: Option<TokenUsage>,
    /// Why the model stopped, in Anthropic's words.
    pub stop_reason: Option<String>,
}

/// Gives the answer its model's name as the client asked for it, and takes out what is Bedrock's own; `None` if it is
/// no answer of Claude's.
#[must_use]
pub fn answer(given: &[u8], model: &str) -> Option<WholeAnswer> {
    let fields: Object<'_> = serde_json::from_slice(given).ok()?;
    if fields.of::<&str>("type") != Some("message") {
        return None;
    }
    let mut out = BytesMut::with_capacity(given.len() + model.len());
    let mut writer = Writer::begin(&mut out);
    put_fields(&mut writer, &fields, model);
    writer.end();
    let usage = fields.of::<Usage>("usage").map(|usage| usage.over(TokenUsage::default()));
    Some(WholeAnswer { body: out.freeze(), usage, stop_reason: fields.of("stop_reason") })
}

/// Writes a message's fields as the client is to see them.
pub(super) fn put_fields(writer: &mut Writer<'_>, fields: &Object<'_>, model: &str) {
    for (name, value) in &fields.0 {
        match &**name {
            "model" => put_string(writer.name(name), model),
            name if name.starts_with(BEDROCKS_OWN) => {}
            name => writer.name(name).put_slice(value.get().as_bytes()),
        }
    }
}

/// Anthropic's counts, each of which may be absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct CacheCreation {
    #[serde(default)]
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: u64,
}

impl Usage {
    /// These counts; where one is absent, the one known before. Counts of a stream are totals, not additions.
    pub(super) fn over(self, known: TokenUsage) -> TokenUsage {
        let (write_5m, write_1h) = match (self.cache_creation_input_tokens, self.cache_creation) {
            (None, _) => (known.cache_write_5m, known.cache_write_1h),
            (Some(all), Some(split)) => {
                let long = split.ephemeral_1h_input_tokens.min(all);
                (all - long, long)
            }
            // The end of a stream may tell the sum alone: what of it is for an hour was told at its beginning.
            (Some(all), None) => (all - known.cache_write_1h.min(all), known.cache_write_1h.min(all)),
        };
        TokenUsage {
            input: self.input_tokens.unwrap_or(known.input),
            cache_read: self.cache_read_input_tokens.unwrap_or(known.cache_read),
            cache_write_5m: write_5m,
            cache_write_1h: write_1h,
            output: self.output_tokens.unwrap_or(known.output),
            reasoning: self.output_tokens_details.map_or(known.reasoning, |it| it.thinking_tokens),
            ..known
        }
    }
}
