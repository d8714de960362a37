//! The request's JSON. Lenient where OpenAI is: unknown fields are ignored, `null` is as good as absent.

use std::collections::BTreeMap;

use outcrop_chat::Image;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::json;

/// Bounds on how many elements a request may hold, far above what models take.
const MOST_MESSAGES: usize = 20_000;
pub(super) const MOST_PARTS: usize = 2_000;
const MOST_TOOLS: usize = 2_000;
/// Converse's own bound on stop sequences.
pub(super) const MOST_STOPS: usize = 2_500;

/// A field whose presence is all that matters; `null` is absence.
type Present = Option<IgnoredAny>;

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Body {
    pub(super) model: Option<String>,
    pub(super) messages: List<Message, MOST_MESSAGES>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,

    pub(super) max_completion_tokens: Option<u32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    #[serde(default)]
    pub(super) stop: Stop,

    #[serde(default)]
    pub(super) tools: List<Tool, MOST_TOOLS>,
    pub(super) tool_choice: Option<Choice>,
    pub(super) parallel_tool_calls: Option<bool>,

    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) user: Option<String>,
    pub(super) safety_identifier: Option<String>,

    pub(super) n: Option<u32>,
    pub(super) response_format: Option<ResponseFormat>,
    pub(super) modalities: Option<Vec<String>>,
    pub(super) audio: Present,
    pub(super) function_call: Present,
    pub(super) functions: Present,
    pub(super) moderation: Present,
    pub(super) web_search_options: Present,

    pub(super) frequency_penalty: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) logit_bias: Option<BTreeMap<String, IgnoredAny>>,
    pub(super) logprobs: Option<bool>,
    pub(super) top_logprobs: Option<u32>,
    pub(super) prediction: Present,
    pub(super) prompt_cache_key: Present,
    pub(super) prompt_cache_options: Present,
    pub(super) prompt_cache_retention: Present,
    pub(super) reasoning_effort: Present,
    pub(super) seed: Present,
    pub(super) service_tier: Option<String>,
    pub(super) store: Option<bool>,
    pub(super) verbosity: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ResponseFormat {
    pub(super) r#type: String,
}

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
pub(super) struct Message {
    #[serde(deserialize_with = "json::word")]
    pub(super) role: Role,
    pub(super) content: Option<Content>,
    #[serde(default)]
    pub(super) tool_calls: List<ToolCall, MOST_PARTS>,
    pub(super) tool_call_id: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) name: Present,
    pub(super) audio: Present,
    pub(super) function_call: Present,
    /// Not OpenAI's: what we and others call the model's thoughts, which clients give back.
    pub(super) reasoning_content: Present,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartType {
    Text,
    ImageUrl,
    InputAudio,
    File,
    Refusal,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Part {
    #[serde(deserialize_with = "json::word")]
    pub(super) r#type: PartType,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) image_url: Option<ImageUrl>,
    pub(super) prompt_cache_breakpoint: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ImageUrl {
    pub(super) url: Picture,
    pub(super) detail: Option<String>,
}

/// A picture, decoded where its URL was read; or what is wrong with the URL.
#[derive(Debug)]
pub(super) struct Picture(pub(super) Result<Image, &'static str>);

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ToolCall {
    pub(super) id: String,
    /// Absent means `function`: several clients leave it out.
    pub(super) r#type: Option<String>,
    pub(super) function: Option<CalledFunction>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct CalledFunction {
    pub(super) name: String,
    pub(super) arguments: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Tool {
    pub(super) r#type: Option<String>,
    pub(super) function: Option<Function>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Value>,
    pub(super) strict: Option<bool>,
}

#[derive(Debug)]
pub(super) enum Choice {
    Word(String),
    Object(ChoiceObject),
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ChoiceObject {
    pub(super) r#type: String,
    pub(super) function: Option<NamedFunction>,
    pub(super) allowed_tools: Option<AllowedTools>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct NamedFunction {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct AllowedTools {
    pub(super) mode: Option<String>,
    pub(super) tools: List<AllowedTool, MOST_TOOLS>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct AllowedTool {
    pub(super) function: Option<NamedFunction>,
}

/// `stop`: one string or several.
#[derive(Debug, Default)]
pub(crate) struct Stop(pub(super) Vec<String>);

impl Stop {
    /// The stop strings; empty ones, which would stop everything or nothing, are left out.
    pub(crate) fn into_list(mut self) -> Vec<String> {
        self.0.retain(|it| !it.is_empty());
        self.0
    }
}

/// An array of at most `MOST` elements; `null` is an empty one where the field is optional.
#[derive(Debug)]
pub(super) struct List<T, const MOST: usize>(pub(super) Vec<T>);

impl<T, const MOST: usize> List<T, MOST> {
    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}
