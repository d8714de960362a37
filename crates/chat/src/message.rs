//! What a conversation is made of.

use bytes::Bytes;
use serde_json::Value;

use crate::{Audio, Document, Image, Link, Video};

/// Who speaks. (Instructions before the conversation stand apart, in `Request::system`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The caller, and the results of tools.
    User,
    /// The model.
    Assistant,
    /// An instruction in the middle of the conversation; only some models take it (see
    /// [`system_turns_as_text`](crate::system_turns_as_text)).
    System,
}

/// One turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub content: Vec<Block>,
}

/// A part of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Text; Bedrock refuses it blank.
    Text(String),
    /// A picture.
    Image(Image),
    /// A document.
    Document(Document),
    /// A film.
    Video(Video),
    /// Sound.
    Audio(Audio),
    /// A picture or document that has to be fetched before a model is called.
    Link(Link),
    /// The model calls a tool.
    ToolUse(ToolUse),
    /// The caller answers a tool call.
    ToolResult(ToolResult),
    /// What the model thought, to be given back unchanged.
    Reasoning(Reasoning),
    /// Everything before this may be kept in the prompt cache.
    CachePoint(CacheTtl),
    /// Text that a guardrail is to look at, and as what.
    Guard(GuardedText),
    /// Text of the model with the places it was found at.
    Cited(CitedText),
    /// Something found by a search, which can be cited.
    SearchResult(SearchResult),
}

/// How long a prompt cache keeps what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CacheTtl {
    /// Five minutes, the default.
    #[default]
    FiveMinutes,
    /// One hour; only some models.
    OneHour,
}

impl CacheTtl {
    /// Bedrock's and Anthropic's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::OneHour => "1h",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::FiveMinutes, Self::OneHour].into_iter().find(|it| it.name() == name)
    }
}

/// The model calls a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// The call's id: 1 to 64 characters of `[a-zA-Z0-9_.:-]`.
    pub id: String,
    /// The tool: 1 to 64 characters of `[a-zA-Z0-9_-]`.
    pub name: String,
    /// The arguments, always a JSON object.
    pub input: Value,
}

/// The caller answers a tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The id of the call answered.
    pub id: String,
    /// What came out.
    pub content: Vec<ToolResultBlock>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// A part of a tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolResultBlock {
    /// Text.
    Text(String),
    /// JSON.
    Json(Value),
    /// A picture.
    Image(Image),
    /// A document.
    Document(Document),
    /// A film.
    Video(Video),
    /// Something found by a search.
    SearchResult(SearchResult),
    /// A picture or document that has to be fetched before a model is called.
    Link(Link),
}

/// What the model thought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reasoning {
    /// Thought in the open, with the signature that proves it untouched.
    Text {
        /// The thought.
        text: String,
        /// Its signature, where the model signs.
        signature: Option<String>,
    },
    /// Thought that the provider keeps encrypted.
    Redacted(Bytes),
}

/// Text for a guardrail (Converse `guardContent.text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedText {
    /// The text.
    pub text: String,
    /// `grounding_source`, `query`, `guard_content`.
    pub qualifiers: Vec<String>,
}

/// Text of the model and where it was found (Converse `citationsContent`).
#[derive(Debug, Clone, PartialEq)]
pub struct CitedText {
    /// The text.
    pub text: String,
    /// Where: one object each, in Converse's shape (`Citation`).
    pub citations: Vec<Value>,
}

/// Something found by a search (Converse `searchResult`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// Where it is from.
    pub source: String,
    /// What it is called.
    pub title: String,
    /// Its text, in parts.
    pub content: Vec<String>,
    /// Whether the answer is to say where in it things stand.
    pub citations: bool,
}
