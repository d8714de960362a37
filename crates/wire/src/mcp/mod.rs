//! The Model Context Protocol: its messages, both eras of them.
//!
//! Pure: bytes in, values out, and back. *Legacy* is everything with an `initialize` (2024-11-05 to 2025-11-25), *modern* what
//! came after (2026-07-28), where each request says everything about itself. Source: the specification's `schema.ts` of each
//! revision, <https://modelcontextprotocol.io/specification>. Start at `message`.

mod ask;
mod content;
mod error;
mod form;
pub mod headers;
mod level;
mod message;
pub mod meta;
mod peer;
mod prompt;
mod resource;
mod strict;
mod tool;
mod version;

pub use ask::{Ask, ElicitAction, Elicited};
pub use content::{Annotations, Content, Role};
pub use error::{RpcError, code};
pub use level::LogLevel;
pub use message::{
    Answer, Malformed, Message, MessageId, Notification, Params, Posted, Request, error_message,
    notification_message, parse, read_params, request_message, result_message,
};
pub use peer::{ClientCapabilities, Implementation};
pub use prompt::{Completion, Prompt, PromptArgument, PromptMessage, PromptResult, Reference};
pub use resource::{Resource, ResourceContents, ResourceTemplate};
pub use tool::{Tool, ToolAnnotations, ToolResult};
pub use version::{Era, Version};
