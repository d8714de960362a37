//! The neutral conversation between a dialect and Bedrock, in the shape of the Converse API.
//!
//! `wire` turns each dialect into a [`Request`] and writes [`Response`]s and [`Event`]s back; `bedrock` does
//! the other half. No JSON of any dialect, no I/O and no SDK type appears here. Shapes and limits:
//! Amazon Bedrock API reference, Converse and ConverseStream.

mod event;
mod message;
mod normalise;
mod request;
mod response;
mod tool_history;

pub use event::{BlockStart, Delta, Event};
pub use message::{
    Block, Image, ImageFormat, Message, Reasoning, Role, ToolResult, ToolResultBlock, ToolUse,
};
pub use normalise::normalise;
pub use request::{Inference, InvalidRequest, Request, ToolChoice, ToolSpec, Tools};
pub use response::{Response, StopReason};
pub use tool_history::{declare_used_tools, without_tools};
