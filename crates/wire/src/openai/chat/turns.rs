//! The JSON of `messages`.

use std::borrow::Cow;

use serde::Deserialize;

use super::cache::{Breakpoint, CacheControl};
use super::request::{MOST_PARTS, Present};
use super::thinking::ThinkingBlock;
use crate::json;
use crate::list::List;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Message<'a> {
    #[serde(deserialize_with = "json::word")]
    pub(super) role: Role,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(default)]
    pub(super) tool_calls: List<ToolCall, MOST_PARTS>,
    pub(super) tool_call_id: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) name: Option<String>,
    pub(super) audio: Present,
    pub(super) function_call: Option<CalledFunction>,

    // Not OpenAI's: what we and others call the model's thoughts, which clients give back.
    pub(super) reasoning_content: Present,
    pub(super) reasoning: Present,
    #[serde(default)]
    pub(super) thinking_blocks: List<ThinkingBlock, MOST_PARTS>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(String),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartType {
    Text,
    ImageUrl,
    InputAudio,
    File,
    Refusal,
    /// Not OpenAI's: what vLLM and others call a film.
    VideoUrl,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Part<'a> {
    #[serde(deserialize_with = "json::word")]
    pub(super) r#type: PartType,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    #[serde(borrow)]
    pub(super) image_url: Option<MediumUrl<'a>>,
    #[serde(borrow)]
    pub(super) video_url: Option<MediumUrl<'a>>,
    #[serde(borrow)]
    pub(super) input_audio: Option<InputAudio<'a>>,
    #[serde(borrow)]
    pub(super) file: Option<File<'a>>,
    pub(super) prompt_cache_breakpoint: Option<Breakpoint>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct MediumUrl<'a> {
    #[serde(borrow)]
    pub(super) url: Lent<'a>,
    pub(super) detail: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct InputAudio<'a> {
    #[serde(borrow)]
    pub(super) data: Lent<'a>,
    pub(super) format: String,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct File<'a> {
    pub(super) file_id: Present,
    #[serde(borrow)]
    pub(super) file_data: Option<Lent<'a>>,
    pub(super) filename: Option<String>,
    /// Not OpenAI's: the media type, where LiteLLM's clients give it.
    pub(super) format: Option<String>,
}

/// A string that stays where it is in the body, if it is written there without escapes: it may be of many megabytes.
#[derive(Debug)]
pub(super) struct Lent<'a>(pub(super) Cow<'a, str>);

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ToolCall {
    pub(super) id: String,
    /// Absent means `function`: several clients leave it out.
    pub(super) r#type: Option<String>,
    pub(super) function: Option<CalledFunction>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct CalledFunction {
    pub(super) name: String,
    pub(super) arguments: Option<String>,
}
