//! The JSON of a request, as Converse spells it. Strict: what is unknown, or not served here, is refused.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::{Map, Value};

use super::union::{Union, Unserved};
use crate::json::{self, Object};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct Body {
    pub(super) messages: Vec<Object<Message>>,
    pub(super) system: Option<Vec<Union<System>>>,
    pub(super) inference_config: Option<InferenceConfig>,
    pub(super) tool_config: Option<ToolConfig>,
    pub(super) request_metadata: Option<BTreeMap<String, String>>,
    pub(super) additional_model_request_fields: Option<Unserved>,
    pub(super) additional_model_response_field_paths: Option<Unserved>,
    pub(super) guardrail_config: Option<Unserved>,
    pub(super) output_config: Option<Unserved>,
    pub(super) performance_config: Option<Unserved>,
    pub(super) prompt_variables: Option<Unserved>,
    pub(super) service_tier: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum System {
    Text(String),
    CachePoint(Unserved),
    GuardContent(Unserved),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(super) struct InferenceConfig {
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) stop_sequences: Option<Vec<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Message {
    #[serde(deserialize_with = "json::word")]
    pub(super) role: Role,
    pub(super) content: Vec<Union<Block>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Block {
    Text(String),
    Image(Image),
    ToolUse(ToolUse),
    ToolResult(ToolResult),
    ReasoningContent(Union<Reasoning>),
    Audio(Unserved),
    CachePoint(Unserved),
    CitationsContent(Unserved),
    Document(Unserved),
    GuardContent(Unserved),
    SearchResult(Unserved),
    ToolAddition(Unserved),
    ToolRemoval(Unserved),
    Video(Unserved),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct Image {
    #[serde(deserialize_with = "json::word")]
    pub(super) format: ImageFormat,
    pub(super) source: Union<ImageSource>,
    pub(super) error: Option<Unserved>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ImageFormat {
    Png,
    Jpeg,
    Gif,
    Webp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ImageSource {
    #[serde(deserialize_with = "blob")]
    Bytes(Bytes),
    S3Location(Unserved),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct ToolUse {
    pub(super) tool_use_id: String,
    pub(super) name: String,
    pub(super) input: Map<String, Value>,
    pub(super) r#type: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct ToolResult {
    pub(super) tool_use_id: String,
    pub(super) content: Vec<Union<ResultBlock>>,
    #[serde(default, deserialize_with = "json::word")]
    pub(super) status: Status,
    pub(super) r#type: Option<Unserved>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    #[default]
    Success,
    Error,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ResultBlock {
    Text(String),
    Json(Value),
    Image(Image),
    Document(Unserved),
    SearchResult(Unserved),
    Video(Unserved),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reasoning {
    ReasoningText(ReasoningText),
    #[serde(deserialize_with = "blob")]
    RedactedContent(Bytes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct ReasoningText {
    pub(super) text: String,
    pub(super) signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(super) struct ToolConfig {
    pub(super) tools: Vec<Union<Tool>>,
    pub(super) tool_choice: Option<Union<ToolChoice>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Tool {
    ToolSpec(ToolSpec),
    CachePoint(Unserved),
    #[serde(rename = "systemTool")]
    BuiltIn(Unserved),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(super) struct ToolSpec {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) input_schema: Union<InputSchema>,
    pub(super) strict: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum InputSchema {
    Json(Map<String, Value>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToolChoice {
    Auto(Nothing),
    Any(Nothing),
    Tool(NamedTool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct NamedTool {
    pub(super) name: String,
}

/// Bytes, which REST-JSON writes in base64 (Smithy, `blob`); decoded where they are read, not copied aside first.
fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    struct Blob;

    impl Visitor<'_> for Blob {
        type Value = Bytes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
            STANDARD.decode(text).map(Bytes::from).map_err(|_| E::custom("must be bytes in base64"))
        }
    }

    deserializer.deserialize_str(Blob)
}
