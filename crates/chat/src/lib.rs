//! The neutral conversation between a dialect and Bedrock, in the shape of the Converse API.
//!
//! `wire` turns each dialect into a [`Request`] and writes [`Response`]s and [`Event`]s back; `bedrock` does
//! the other half. No JSON of any dialect, no I/O and no SDK type appears here. Shapes and limits:
//! Amazon Bedrock API reference, Converse and ConverseStream.

mod caching;
mod event;
mod media;
mod message;
mod normalise;
mod request;
mod response;
mod system_turns;
mod tool_history;
mod tool_media;

pub use caching::Caching;
pub use event::{BlockStart, Delta, Event};
pub use media::{
    Audio, AudioFormat, Document, DocumentFormat, DocumentNames, DocumentSource, Image, ImageFormat, Link,
    LinkKind, Source, Video, VideoFormat, document_name,
};
pub use message::{
    Block, CacheTtl, CitedText, GuardedText, Message, Reasoning, Role, SearchResult, ToolResult,
    ToolResultBlock, ToolUse,
};
pub use normalise::normalise;
pub use request::{
    Effort, Guardrail, Inference, InvalidRequest, JsonSchema, OutputFormat, ReasoningMode, Request,
    ServiceTier, SystemBlock, ToolChoice, ToolSpec, Tools,
};
pub use response::{Extra, Response, StopReason};
pub use system_turns::{system_turns_as_text, wedged_system_turns_as_text};
pub use tool_history::{declare_used_tools, declares_only_used_tools, without_tools};
pub use tool_media::media_beside_results;
