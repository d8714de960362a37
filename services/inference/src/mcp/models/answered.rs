//! What a tool answers, and why it does not.

use outcrop_chat::InvalidRequest;
use outcrop_http::{ApiError, RequestContext};
use outcrop_mcp::{AskError, Halt};
use outcrop_wire::mcp::{Content, ToolResult};
use serde_json::{Value, json};

use crate::ChatError;
use crate::chat::Facts;
use crate::mcp::refusal::noted;

/// Why a tool has no answer.
pub(super) enum Failed {
    /// The platform refuses, or fails. The model is told, and may do better.
    Refused(ApiError),
    /// The request as a whole has no result.
    Halted(Halt),
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<InvalidRequest> for Failed {
    fn from(error: InvalidRequest) -> Self {
        Self::Refused(error.into())
    }
}

impl From<ChatError> for Failed {
    fn from(error: ChatError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Halt> for Failed {
    fn from(halt: Halt) -> Self {
        Self::Halted(halt)
    }
}

impl From<AskError> for Failed {
    fn from(error: AskError) -> Self {
        Self::Halted(error.into())
    }
}

/// An answer: for the model in words, for programs as the tool's output schema says.
pub(super) fn told(text: impl Into<String>, value: Value, context: &RequestContext) -> ToolResult {
    ToolResult {
        content: vec![Content::text(text)],
        structured_content: Some(value),
        is_error: false,
        meta: noted(context),
    }
}

/// The same where the words are the values themselves.
pub(super) fn values(value: Value, context: &RequestContext) -> ToolResult {
    told(value.to_string(), value, context)
}

/// What is told beside of a model's call, once it is over.
pub(super) fn called(
    mut result: ToolResult,
    context: &RequestContext,
    facts: &Facts,
    dropped: &[String],
) -> ToolResult {
    let meta = &mut result.meta;
    meta.insert("outcrop/model".into(), facts.model.as_str().into());
    meta.insert("outcrop/cost_usd".into(), cost(context));
    meta.insert("outcrop/cache".into(), facts.cache.name().into());
    if !dropped.is_empty() {
        meta.insert("outcrop/dropped".into(), json!(dropped));
    }
    result
}

/// What was paid, as decimal text; null if part of it has no known price.
pub(super) fn cost(context: &RequestContext) -> Value {
    let used = context.spent.sum();
    if used.unpriced == 0 { used.cost.to_string().into() } else { Value::Null }
}
