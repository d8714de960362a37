//! OpenAI's dialect (field names and shapes: openai-python 3.52; OpenAI API reference).

pub mod chat;
pub mod models;
pub mod stream;
mod usage;

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
