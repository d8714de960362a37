//! The tools of a request.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::blocks::CachePoint;
use crate::bedrock::union::Union;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct ToolConfig {
    pub(in crate::bedrock) tools: Vec<Union<Tool>>,
    pub(in crate::bedrock) tool_choice: Option<Union<ToolChoice>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Tool {
    ToolSpec(ToolSpec),
    CachePoint(CachePoint),
    #[serde(rename = "systemTool")]
    BuiltIn(NamedTool),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct ToolSpec {
    pub(in crate::bedrock) name: String,
    pub(in crate::bedrock) description: Option<String>,
    pub(in crate::bedrock) input_schema: Union<InputSchema>,
    pub(in crate::bedrock) strict: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum InputSchema {
    Json(Map<String, Value>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum ToolChoice {
    Auto(Nothing),
    Any(Nothing),
    Tool(NamedTool),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct NamedTool {
    pub(in crate::bedrock) name: String,
}
