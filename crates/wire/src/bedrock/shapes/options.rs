//! What a request says besides messages and tools.

use outcrop_chat as chat;
use serde::Deserialize;

use super::words::{Latency, Named, StreamMode, TextFormatType, Trace};
use crate::bedrock::union::Union;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct InferenceConfig {
    pub(in crate::bedrock) max_tokens: Option<u32>,
    pub(in crate::bedrock) temperature: Option<f64>,
    pub(in crate::bedrock) top_p: Option<f64>,
    pub(in crate::bedrock) stop_sequences: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct GuardrailConfig {
    pub(in crate::bedrock) guardrail_identifier: String,
    pub(in crate::bedrock) guardrail_version: String,
    pub(in crate::bedrock) trace: Option<Named<Trace>>,
    pub(in crate::bedrock) stream_processing_mode: Option<Named<StreamMode>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct PerformanceConfig {
    pub(in crate::bedrock) latency: Option<Named<Latency>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct ServiceTier {
    pub(in crate::bedrock) r#type: Named<chat::ServiceTier>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct OutputConfig {
    pub(in crate::bedrock) text_format: Option<TextFormat>,
    pub(in crate::bedrock) effort: Option<Named<chat::Effort>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "the type has one value, and reading it is the check")]
pub(in crate::bedrock) struct TextFormat {
    r#type: Named<TextFormatType>,
    pub(in crate::bedrock) structure: Union<Structure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Structure {
    JsonSchema(JsonSchema),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct JsonSchema {
    /// JSON in a string.
    pub(in crate::bedrock) schema: String,
    pub(in crate::bedrock) name: Option<String>,
    pub(in crate::bedrock) description: Option<String>,
}
