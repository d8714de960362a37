//! A whole answer.

use outcrop_types::TokenUsage;

use serde_json::Value;

use crate::{Block, ServiceTier};

/// A whole answer of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Response {
    /// What it said, in order.
    pub content: Vec<Block>,
    /// Why it stopped.
    pub stop_reason: StopReason,
    /// What it used.
    pub usage: TokenUsage,
    /// What else is said of it.
    pub extra: Extra,
}

/// What the model or Bedrock says of an answer besides the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extra {
    /// The stop string that came, where the model tells.
    pub stop_sequence: Option<String>,
    /// The tier that answered, where Bedrock tells.
    pub service_tier: Option<ServiceTier>,
    /// Whether the latency-optimised variant answered, where Bedrock tells.
    pub optimized_latency: Option<bool>,
    /// Fields of the model's own answer (Converse `additionalModelResponseFields`), asked for by path.
    pub fields: Option<Value>,
    /// What guardrails and prompt routers did (Converse `trace`).
    pub trace: Option<Value>,
}

impl Extra {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a model stopped (Converse `stopReason`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// It was done.
    #[default]
    EndTurn,
    /// It waits for the result of tools.
    ToolUse,
    /// `max_tokens` was reached.
    MaxTokens,
    /// One of the stop strings came.
    StopSequence,
    /// A guardrail stepped in.
    GuardrailIntervened,
    /// The provider's content filter stepped in.
    ContentFiltered,
    /// The model wrote something that is not an answer.
    MalformedModelOutput,
    /// The model wrote something that is not a tool call.
    MalformedToolUse,
    /// The context window is full.
    ContextWindowExceeded,
    /// A reason newer than this code.
    Other,
}

impl StopReason {
    const ALL: [(Self, &'static str); 10] = [
        (Self::EndTurn, "end_turn"),
        (Self::ToolUse, "tool_use"),
        (Self::MaxTokens, "max_tokens"),
        (Self::StopSequence, "stop_sequence"),
        (Self::GuardrailIntervened, "guardrail_intervened"),
        (Self::ContentFiltered, "content_filtered"),
        (Self::MalformedModelOutput, "malformed_model_output"),
        (Self::MalformedToolUse, "malformed_tool_use"),
        (Self::ContextWindowExceeded, "model_context_window_exceeded"),
        (Self::Other, "other"),
    ];

    /// Bedrock's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("other", |(_, name)| name)
    }

    /// Reads Bedrock's word; an unknown one is [`StopReason::Other`].
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == name).map_or(Self::Other, |(reason, _)| *reason)
    }
    /// Whether the model's output could not be read: a failure of the model, not an end of its answer.
    #[must_use]
    pub const fn is_malformed(self) -> bool {
        matches!(self, Self::MalformedModelOutput | Self::MalformedToolUse)
    }
}
