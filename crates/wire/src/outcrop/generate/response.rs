//! The whole answer.

use outcrop_chat::{Block, Reasoning, Response};
use outcrop_types::TokenUsage;
use serde::Serialize;

use crate::error::to_vec;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation<'a> {
    /// `gen-…`
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning: String,
    stop_reason: &'static str,
    usage: Usage,
}

#[derive(Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cache_read_tokens: u64,
    cache_write_tokens: u64,
    reasoning_tokens: u64,
}

impl From<&TokenUsage> for Usage {
    fn from(usage: &TokenUsage) -> Self {
        Self {
            input_tokens: usage.total_input(),
            output_tokens: usage.output,
            total_tokens: usage.total(),
            cache_read_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write_5m + usage.cache_write_1h,
            reasoning_tokens: usage.reasoning,
        }
    }
}

/// Writes the answer.
#[must_use]
pub fn response(generation: &Generation<'_>, response: &Response) -> Vec<u8> {
    let mut text = String::new();
    let mut reasoning = String::new();
    for block in &response.content {
        match block {
            Block::Text(it) => text.push_str(it),
            Block::Reasoning(Reasoning::Text { text: it, .. }) => reasoning.push_str(it),
            // A generation offers no tools and shows no encrypted thoughts.
            _ => {}
        }
    }
    to_vec(&Body {
        id: generation.id,
        object: "generation",
        created: generation.created,
        model: generation.model,
        text,
        reasoning,
        stop_reason: response.stop_reason.name(),
        usage: Usage::from(&response.usage),
    })
}
