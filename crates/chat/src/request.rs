//! One request to a model, whatever dialect it came in.

use std::collections::BTreeMap;

use outcrop_types::{Classify, ErrorCode};
use serde_json::Value;

use crate::Message;

/// A conversation and how to continue it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Instructions that stand before the conversation, in order.
    pub system: Vec<String>,
    /// The turns so far.
    pub messages: Vec<Message>,
    /// How to generate.
    pub inference: Inference,
    /// The tools on offer, if any.
    pub tools: Option<Tools>,
    /// 1 to 16 pairs that go to Bedrock's invocation log (`requestMetadata`).
    pub metadata: BTreeMap<String, String>,
}

/// Converse's `inferenceConfig`; what is `None` is left to the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inference {
    /// Most tokens to generate, at least 1.
    pub max_tokens: Option<u32>,
    /// 0 to 1.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    /// Strings that end the answer; none is empty.
    pub stop: Vec<String>,
}

/// The tools on offer and how to choose among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    /// The tools, at least one, in the client's order (a changed order costs prompt caches).
    pub specs: Vec<ToolSpec>,
    /// How the model chooses.
    pub choice: ToolChoice,
    /// Whether it may call several at once; `None` leaves it to the model.
    pub parallel: Option<bool>,
}

/// One tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// 1 to 64 characters of `[a-zA-Z0-9_-]`.
    pub name: String,
    /// What it does; never empty.
    pub description: Option<String>,
    /// JSON schema of its input, an object.
    pub input_schema: Value,
}

/// How the model chooses among the tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// At least one, any.
    Any,
    /// This one.
    Named(String),
}

/// A request that no model could take, with the field that is wrong in the client's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// What is wrong.
    pub message: String,
    /// The field, as the dialect spells it: `messages[2].content`.
    pub param: Option<String>,
}

impl InvalidRequest {
    /// What is wrong, and with which field.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()) }
    }
}

impl Classify for InvalidRequest {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidRequest
    }
}
