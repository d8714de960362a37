//! What a conversation is made of.

use bytes::Bytes;
use serde_json::Value;

/// Who speaks. (`system` text stands apart, in `Request::system`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The caller, and the results of tools.
    User,
    /// The model.
    Assistant,
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
    /// The model calls a tool.
    ToolUse(ToolUse),
    /// The caller answers a tool call.
    ToolResult(ToolResult),
    /// What the model thought, to be given back unchanged.
    Reasoning(Reasoning),
}

/// Picture formats that Converse takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// image/png
    Png,
    /// image/jpeg
    Jpeg,
    /// image/gif
    Gif,
    /// image/webp
    Webp,
}

impl ImageFormat {
    /// The format of a media type, if Converse takes it.
    #[must_use]
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type.to_ascii_lowercase().as_str() {
            "image/png" => Some(Self::Png),
            "image/jpeg" | "image/jpg" => Some(Self::Jpeg),
            "image/gif" => Some(Self::Gif),
            "image/webp" => Some(Self::Webp),
            _ => None,
        }
    }
}

/// A picture and its bytes, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its format.
    pub format: ImageFormat,
    /// The file's bytes.
    pub bytes: Bytes,
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
    /// A picture.
    Image(Image),
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
