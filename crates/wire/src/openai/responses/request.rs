//! The request's JSON. Lenient where OpenAI is: unknown fields are ignored, `null` is as good as absent.
//!
//! Items and parts of all kinds are read as one flat struct each: their `type` may come last or not at all, and a field
//! that is wrong can be named.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::reading::Text;
use crate::list::List;
use crate::openai::caching::CacheOptions;

/// Bounds on how many elements a request may hold, far above what models take.
pub(super) const MOST_ITEMS: usize = 20_000;
pub(super) const MOST_PARTS: usize = 2_000;
const MOST_TOOLS: usize = 2_000;

/// A field whose presence is all that matters; `null` is absence.
type Present = Option<IgnoredAny>;

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Body<'a> {
    pub(super) model: Option<String>,
    #[serde(borrow)]
    pub(super) input: Option<Input<'a>>,
    pub(super) instructions: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,

    pub(super) store: Option<bool>,
    pub(super) previous_response_id: Option<String>,
    pub(super) conversation: Present,
    pub(super) background: Option<bool>,
    pub(super) background_options: Present,
    pub(super) prompt: Present,
    pub(super) include: Option<Vec<String>>,

    #[serde(default)]
    pub(super) tools: List<Tool, MOST_TOOLS>,
    pub(super) tool_choice: Option<Choice>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) max_tool_calls: Option<u32>,

    pub(super) text: Option<TextConfig>,
    pub(super) reasoning: Option<ReasoningConfig>,
    pub(super) max_output_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_logprobs: Option<u32>,
    pub(super) truncation: Option<String>,
    pub(super) service_tier: Option<String>,

    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) user: Option<String>,
    pub(super) safety_identifier: Option<String>,
    pub(super) prompt_cache_key: Option<String>,
    pub(super) prompt_cache_options: Option<CacheOptions>,
    pub(super) prompt_cache_retention: Option<String>,
    pub(super) context_management: Option<Vec<IgnoredAny>>,
    pub(super) moderation: Present,
    pub(super) access_programs: Present,
    pub(super) image: Present,
    /// What Codex tells of itself.
    pub(super) client_metadata: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct StreamOptions {
    pub(super) include_obfuscation: Option<bool>,
}

#[derive(Debug)]
pub(super) enum Input<'a> {
    Text(String),
    List(Vec<Item<'a>>),
}

/// A message, a tool call, its output, a thought, a reference: by its `type`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Item<'a> {
    /// Absent for messages, and for references to items.
    pub(super) r#type: Option<String>,
    pub(super) id: Option<String>,
    pub(super) role: Option<String>,
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    pub(super) status: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
    pub(super) input: Option<String>,
    #[serde(borrow)]
    pub(super) output: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) encrypted_content: Option<Text<'a>>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(String),
    List(Vec<Part<'a>>),
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Part<'a> {
    pub(super) r#type: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    #[serde(borrow)]
    pub(super) image_url: Option<Text<'a>>,
    pub(super) detail: Option<String>,
    pub(super) file_id: Option<String>,
    #[serde(borrow)]
    pub(super) file_data: Option<Text<'a>>,
    pub(super) file_url: Option<String>,
    pub(super) filename: Option<String>,
    #[serde(borrow)]
    pub(super) input_audio: Option<InputAudio<'a>>,
    pub(super) prompt_cache_breakpoint: Option<Breakpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct InputAudio<'a> {
    #[serde(borrow)]
    pub(super) data: Text<'a>,
    pub(super) format: String,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Breakpoint {
    pub(super) ttl: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct TextConfig {
    pub(super) format: Option<Format>,
    pub(super) verbosity: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Format {
    pub(super) r#type: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema: Option<Value>,
    pub(super) strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ReasoningConfig {
    pub(super) effort: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) generate_summary: Option<String>,
    pub(super) context: Option<String>,
    pub(super) mode: Option<String>,
}

/// A function, a tool of free text, a group of them, or one that OpenAI runs itself: by its `type`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Tool {
    pub(super) r#type: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Value>,
    pub(super) strict: Option<bool>,
    pub(super) format: Option<Value>,
    pub(super) defer_loading: Option<bool>,
    pub(super) allowed_callers: Present,
    pub(super) output_schema: Present,
    pub(super) r#async: Option<bool>,
    /// Those of a group.
    #[serde(default)]
    pub(super) tools: List<Tool, MOST_TOOLS>,
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
    pub(super) name: Option<String>,
    pub(super) mode: Option<String>,
    #[serde(default)]
    pub(super) tools: List<AllowedTool, MOST_TOOLS>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct AllowedTool {
    pub(super) r#type: Option<String>,
    pub(super) name: Option<String>,
}
