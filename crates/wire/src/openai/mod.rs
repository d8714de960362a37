//! OpenAI's dialect (field names and shapes: openai-python 3.52; OpenAI API reference).

pub mod batches;
mod caching;
pub mod chat;
pub mod completions;
pub mod embeddings;
mod fields;
pub mod files;
pub mod images;
pub mod models;
pub mod rerank;
pub mod responses;
pub mod stream;
mod usage;

pub use usage::sum;

use outcrop_chat::StopReason;

/// OpenAI's `finish_reason`.
///
/// Some models call tools and stop with `end_turn`; clients wait for `tool_calls` to act on the calls.
const fn finish_reason(reason: StopReason, called_tools: bool) -> &'static str {
    match reason {
        StopReason::ToolUse => "tool_calls",
        StopReason::EndTurn if called_tools => "tool_calls",
        StopReason::MaxTokens | StopReason::ContextWindowExceeded => "length",
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "content_filter",
        StopReason::EndTurn
        | StopReason::StopSequence
        | StopReason::MalformedModelOutput
        | StopReason::MalformedToolUse
        | StopReason::Other => "stop",
    }
}

/// The reason in the legacy form of functions.
fn legacy_reason(reason: &'static str) -> &'static str {
    if reason == "tool_calls" { "function_call" } else { reason }
}
