//! An answer in pieces, as ConverseStream sends it.

use bytes::Bytes;
use outcrop_types::TokenUsage;

use serde_json::Value;

use crate::{Extra, StopReason};

/// One piece of a streamed answer.
///
/// Order: `Start`, then per block (`BlockStart`)? `Delta`* `BlockStop`, then `Stop`, then `Usage`. Text blocks
/// usually come without a `BlockStart`; block indices may have gaps; **usage comes after the stop**. `Extra` comes
/// at most once, before `Usage`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer begins.
    Start,
    /// A block begins that needs an introduction.
    BlockStart {
        /// Bedrock's `contentBlockIndex`.
        index: u32,
        /// What begins.
        start: BlockStart,
    },
    /// A block grows.
    Delta {
        /// Bedrock's `contentBlockIndex`.
        index: u32,
        /// By what.
        delta: Delta,
    },
    /// A block is whole.
    BlockStop {
        /// Bedrock's `contentBlockIndex`.
        index: u32,
    },
    /// The answer is whole.
    Stop(StopReason),
    /// What else the model or Bedrock says of the answer.
    Extra(Box<Extra>),
    /// What it used; the last event of a whole stream.
    Usage(TokenUsage),
}

/// A block that begins with an introduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockStart {
    /// A tool call.
    ToolUse {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
    },
}

/// By what a block grows.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text.
    Text(String),
    /// A piece of a tool call's JSON arguments; no piece at all means `{}`.
    ToolInput(String),
    /// A piece of a thought.
    Reasoning(String),
    /// The signature of the thought so far.
    Signature(String),
    /// A thought kept encrypted.
    RedactedReasoning(Bytes),
    /// Where the text of this block was found: an object in Converse's shape (`CitationsDelta`).
    Citation(Value),
}
