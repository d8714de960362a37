//! The request's JSON. Lenient where OpenAI is: unknown fields are ignored (and named), `null` is as good as absent.
//! (What stands in `messages`: [`super::turns`].)

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::cache::CacheControl;
use super::turns::Message;
use super::vendor::Thinking;
use crate::list::List;
use crate::openai::caching::CacheOptions;

/// Bounds on how many elements a request may hold, far above what models take.
const MOST_MESSAGES: usize = 20_000;
pub(super) const MOST_PARTS: usize = 2_000;
const MOST_TOOLS: usize = 2_000;
/// Converse's own bound on stop sequences.
pub(super) const MOST_STOPS: usize = 2_500;

/// A field whose presence is all that matters; `null` is absence.
pub(super) type Present = Option<IgnoredAny>;

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Body<'a> {
    pub(super) model: Option<String>,
    #[serde(borrow)]
    pub(super) messages: List<Message<'a>, MOST_MESSAGES>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,

    pub(super) max_completion_tokens: Option<u32>,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    #[serde(default)]
    pub(super) stop: Stop,
    pub(super) n: Option<usize>,

    #[serde(default)]
    pub(super) tools: List<Tool, MOST_TOOLS>,
    pub(super) tool_choice: Option<Choice>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) functions: Option<List<Function, MOST_TOOLS>>,
    pub(super) function_call: Option<FunctionChoice>,
    pub(super) web_search_options: Option<WebSearch>,

    pub(super) response_format: Option<ResponseFormat>,
    pub(super) reasoning_effort: Option<String>,
    pub(super) service_tier: Option<String>,
    pub(super) modalities: Option<Vec<String>>,
    pub(super) audio: Present,
    pub(super) moderation: Present,

    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) user: Option<String>,
    pub(super) safety_identifier: Option<String>,

    pub(super) frequency_penalty: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) logit_bias: Option<BTreeMap<String, IgnoredAny>>,
    pub(super) logprobs: Option<bool>,
    pub(super) top_logprobs: Option<u32>,
    pub(super) prediction: Present,
    pub(super) prompt_cache_key: Option<String>,
    pub(super) prompt_cache_options: Option<CacheOptions>,
    pub(super) prompt_cache_retention: Option<String>,
    pub(super) seed: Present,
    pub(super) store: Option<bool>,
    pub(super) verbosity: Present,

    // Not OpenAI's, but what its clients send to gateways before Bedrock; the others are in `crate::vendor`.
    pub(super) thinking: Option<Thinking>,
    pub(super) top_k: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ResponseFormat {
    pub(super) r#type: String,
    pub(super) json_schema: Option<SchemaFormat>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct SchemaFormat {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema: Option<Map<String, Value>>,
    pub(super) strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct WebSearch {
    pub(super) search_context_size: Present,
    pub(super) user_location: Present,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Tool {
    pub(super) r#type: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Value>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<CacheControl>,
}

/// A word, or an object that says more.
#[derive(Debug)]
pub(super) enum WordOr<T> {
    Word(String),
    Object(T),
}

pub(super) type Choice = WordOr<ChoiceObject>;
pub(super) type FunctionChoice = WordOr<NamedFunction>;

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

/// `stop`, and what else is one string or several.
#[derive(Debug, Default)]
pub(crate) struct Stop(pub(super) Vec<String>);

impl Stop {
    /// The strings; empty ones, which would stop everything or nothing, are left out.
    pub(crate) fn into_list(mut self) -> Vec<String> {
        self.0.retain(|it| !it.is_empty());
        self.0
    }
}
