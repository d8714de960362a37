//! The request's JSON for models that are not Claude. Unknown fields are ignored, as Anthropic's own SDKs expect of
//! servers, and named; `null` is as good as absent.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::reading::Texts;
use crate::json;
use crate::list::{List, Strings};

/// Anthropic's own bound on messages.
const MOST_MESSAGES: usize = 100_000;
const MOST_TOOLS: usize = 2_000;
/// Converse's own bound on stop sequences.
const MOST_STOPS: usize = 2_500;

/// A field whose presence is all that matters; `null` is absence.
pub(super) type Present = Option<IgnoredAny>;

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Head {
    pub(super) model: Option<String>,
    pub(super) stream: Option<bool>,
    output_config: Option<json::Object<HeadOutput>>,
    output_format: Present,
}

impl Head {
    /// Whether the answer is to have a certain shape.
    pub(super) fn wants_shape(&self) -> bool {
        let format = self.output_config.as_ref().and_then(|json::Object(it)| it.format);
        format.or(self.output_format).is_some()
    }
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct HeadOutput {
    format: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) messages: List<Message<'a>, MOST_MESSAGES>,
    #[serde(default, borrow)]
    pub(super) system: Option<Texts<'a>>,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u32>,
    #[serde(default)]
    pub(super) stop_sequences: Strings<MOST_STOPS>,
    #[serde(default)]
    pub(super) tools: List<Tool, MOST_TOOLS>,
    pub(super) tool_choice: Option<ToolChoice>,
    pub(super) thinking: Option<Thinking>,
    pub(super) output_config: Option<OutputConfig>,
    /// The name that `output_config.format` had while it was a beta.
    pub(super) output_format: Option<Format>,
    pub(super) cache_control: Option<CacheControl>,
    pub(super) metadata: Option<Metadata>,
    pub(super) service_tier: Option<String>,
    pub(super) speed: Option<String>,
    pub(super) inference_geo: Option<String>,
    pub(super) container: Present,
    pub(super) mcp_servers: Option<Vec<IgnoredAny>>,
    pub(super) context_management: Present,
    pub(super) diagnostics: Present,
    pub(super) user_profile_id: Present,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
    System,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Message<'a> {
    #[serde(deserialize_with = "json::word")]
    pub(super) role: Role,
    #[serde(borrow)]
    pub(super) content: Content<'a>,
}

/// A string, or blocks.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Blocks(Vec<Block<'a>>),
}

/// A block of any kind; `type` says which fields count.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Block<'a> {
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    #[serde(default, borrow)]
    pub(super) text: Option<Text<'a>>,
    pub(super) cache_control: Option<CacheControl>,
    /// A list in a text block, an object in a document.
    pub(super) citations: Option<Citations>,
    /// An object, but a string in a search result.
    #[serde(default, borrow)]
    pub(super) source: Option<Source<'a>>,
    pub(super) transformations: Present,
    pub(super) title: Option<String>,
    pub(super) context: Option<String>,
    #[serde(default, borrow)]
    pub(super) content: Option<Content<'a>>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    #[serde(default, borrow)]
    pub(super) data: Option<Text<'a>>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<Value>,
    pub(super) tool_use_id: Option<String>,
    pub(super) is_error: Option<bool>,
}

/// A string that stays where it is when it can.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Debug)]
pub(super) enum Citations {
    /// Places that a text was found at; how many.
    List(usize),
    /// Whether a document may be cited.
    Enabled(bool),
}

#[derive(Debug)]
pub(super) enum Source<'a> {
    /// Where a search result is from.
    Name(String),
    Object(Box<SourceObject<'a>>),
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct SourceObject<'a> {
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    pub(super) media_type: Option<String>,
    #[serde(default, borrow)]
    pub(super) data: Option<Text<'a>>,
    pub(super) url: Option<String>,
    #[serde(default, borrow)]
    pub(super) content: Option<Content<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct CacheControl {
    pub(super) r#type: String,
    pub(super) ttl: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Tool {
    pub(super) r#type: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) input_schema: Option<Value>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<CacheControl>,
    pub(super) defer_loading: Option<bool>,
    pub(super) eager_input_streaming: Option<bool>,
    pub(super) input_examples: Option<Vec<IgnoredAny>>,
    pub(super) allowed_callers: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ToolChoice {
    pub(super) r#type: String,
    pub(super) name: Option<String>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Thinking {
    pub(super) r#type: String,
    pub(super) budget_tokens: Option<u32>,
    pub(super) display: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct OutputConfig {
    pub(super) effort: Option<String>,
    pub(super) format: Option<Format>,
    pub(super) task_budget: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Format {
    pub(super) r#type: String,
    pub(super) schema: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Metadata {
    pub(super) user_id: Option<String>,
}
