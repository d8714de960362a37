//! One request to a model, whatever dialect it came in.

use std::collections::BTreeMap;

use outcrop_types::{Classify, ErrorCode};
use serde_json::{Map, Value};

use crate::{CacheTtl, Caching, Message};

/// A conversation and how to continue it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Instructions that stand before the conversation, in order.
    pub system: Vec<SystemBlock>,
    /// The turns so far.
    pub messages: Vec<Message>,
    /// How to generate.
    pub inference: Inference,
    /// The tools on offer, if any.
    pub tools: Option<Tools>,
    /// How much to think; `None` leaves it to the model.
    pub reasoning: Option<ReasoningMode>,
    /// What shape the answer must have; `None` is free text.
    pub output: Option<OutputFormat>,
    /// Which of Bedrock's service tiers is to answer; `None` is the default one.
    pub service_tier: Option<ServiceTier>,
    /// Whether the latency-optimised variant is to answer (Converse `performanceConfig`).
    pub optimized_latency: bool,
    /// The guardrail that looks on, if any.
    pub guardrail: Option<Guardrail>,
    /// 1 to 16 pairs that go to Bedrock's invocation log (`requestMetadata`).
    pub metadata: BTreeMap<String, String>,
    /// Fields of the model's own that Converse has no place for (`additionalModelRequestFields`), as the client gave
    /// them. They win over what is derived from the fields above.
    pub additional: Map<String, Value>,
    /// JSON pointers of fields of the model's own answer to bring back (`additionalModelResponseFieldPaths`, at most 10).
    pub response_paths: Vec<String>,
    /// What the client says of the prompt cache, beside the cache points.
    pub caching: Caching,
}

/// A part of the instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemBlock {
    /// Text; Bedrock refuses it blank.
    Text(String),
    /// Everything before this may be kept in the prompt cache.
    CachePoint(CacheTtl),
    /// Text that a guardrail is to look at.
    Guard(crate::GuardedText),
}

impl From<&str> for SystemBlock {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for SystemBlock {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Converse's `inferenceConfig`, and what most models take besides; what is `None` is left to the model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inference {
    /// Most tokens to generate, at least 1.
    pub max_tokens: Option<u32>,
    /// 0 to 1.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    /// How many of the likeliest tokens to choose from; goes where the model's family wants it.
    pub top_k: Option<u32>,
    /// Strings that end the answer; none is empty.
    pub stop: Vec<String>,
}

/// How hard to think, in OpenAI's and Bedrock's words, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Not at all.
    None,
    /// As little as the model can.
    Minimal,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    XHigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// Every effort, least first.
    pub const ALL: [Self; 7] =
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Whether and how much the model is to think before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasoningMode {
    /// Not at all.
    Off,
    /// This hard.
    Effort(Effort),
    /// At most so many tokens (Claude's `thinking.budget_tokens`, at least 1024).
    Budget(u32),
    /// As it sees fit, this hard where said (Claude's `thinking: adaptive`).
    Adaptive(Option<Effort>),
}

/// What shape an answer must have.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputFormat {
    /// Some JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema(JsonSchema),
}

/// A schema that an answer must conform to.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonSchema {
    /// Its name: 1 to 64 characters of `[a-zA-Z0-9_-]`.
    pub name: String,
    /// What it describes.
    pub description: Option<String>,
    /// JSON schema, an object.
    pub schema: Value,
    /// Whether the client asked for strict adherence.
    pub strict: bool,
}

/// Bedrock's service tiers (Converse `serviceTier.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceTier {
    /// On demand.
    Default,
    /// Later and cheaper.
    Flex,
    /// Sooner and dearer.
    Priority,
    /// Capacity bought beforehand.
    Reserved,
}

impl ServiceTier {
    /// Bedrock's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Reserved => "reserved",
        }
    }

    /// Reads Bedrock's word.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Default, Self::Flex, Self::Priority, Self::Reserved].into_iter().find(|it| it.name() == name)
    }
}

/// A guardrail and how it is applied (Converse `guardrailConfig`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guardrail {
    /// Its id or ARN.
    pub id: String,
    /// Its version, or `DRAFT`.
    pub version: String,
    /// `enabled`, `disabled`, `enabled_full`: whether the answer tells what it found.
    pub trace: Option<String>,
    /// `sync`, `async`: whether a stream waits for it.
    pub stream_mode: Option<String>,
}

/// The tools on offer and how to choose among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tools {
    /// The tools, in the client's order (a changed order costs prompt caches); there is at least one here or in `system`.
    pub specs: Vec<ToolSpec>,
    /// Tools that the model's provider runs, by name (Converse `systemTool`), behind the others.
    pub system: Vec<String>,
    /// How the model chooses.
    pub choice: ToolChoice,
    /// Whether it may call several at once; `None` leaves it to the model.
    pub parallel: Option<bool>,
}

/// One tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolSpec {
    /// 1 to 64 characters of `[a-zA-Z0-9_-]`.
    pub name: String,
    /// What it does; never empty.
    pub description: Option<String>,
    /// JSON schema of its input, an object.
    pub input_schema: Value,
    /// Whether its input must conform to the schema, where the model can promise that.
    pub strict: bool,
    /// Everything up to and including this tool may be kept in the prompt cache.
    pub cache: Option<CacheTtl>,
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
