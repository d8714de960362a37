//! The parts of a turn.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::blob;
use super::media::{Audio, CitationsConfig, Document, Image, Video};
use super::words::{CachePointType, Named};
use crate::bedrock::union::{Union, Unserved};
use crate::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum System {
    Text(String),
    CachePoint(CachePoint),
    GuardContent(Union<Guard>),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::bedrock) enum Role {
    User,
    Assistant,
    System,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct Message<'a> {
    #[serde(deserialize_with = "json::word")]
    pub(in crate::bedrock) role: Role,
    #[serde(borrow)]
    pub(in crate::bedrock) content: Vec<Union<Block<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Block<'a> {
    Text(String),
    #[serde(borrow)]
    Image(Image<'a>),
    #[serde(borrow)]
    Document(Document<'a>),
    #[serde(borrow)]
    Video(Video<'a>),
    #[serde(borrow)]
    Audio(Audio<'a>),
    ToolUse(ToolUse),
    #[serde(borrow)]
    ToolResult(ToolResult<'a>),
    ReasoningContent(Union<Reasoning>),
    CachePoint(CachePoint),
    GuardContent(Union<Guard>),
    CitationsContent(CitationsContent),
    SearchResult(SearchResult),
    ToolAddition(Unserved),
    ToolRemoval(Unserved),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum OnlyText {
    Text(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "the type has one value, and reading it is the check")]
pub(in crate::bedrock) struct CachePoint {
    r#type: Named<CachePointType>,
    pub(in crate::bedrock) ttl: Option<Named<outcrop_chat::CacheTtl>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Guard {
    Text(GuardText),
    Image(Unserved),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct GuardText {
    pub(in crate::bedrock) text: String,
    pub(in crate::bedrock) qualifiers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(in crate::bedrock) struct ToolUse {
    pub(in crate::bedrock) tool_use_id: String,
    pub(in crate::bedrock) name: String,
    pub(in crate::bedrock) input: Map<String, Value>,
    /// A tool that the provider runs.
    r#type: Option<Unserved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
#[expect(dead_code, reason = "fields of the type `Unserved` are only there to be refused")]
pub(in crate::bedrock) struct ToolResult<'a> {
    pub(in crate::bedrock) tool_use_id: String,
    #[serde(borrow)]
    pub(in crate::bedrock) content: Vec<Union<ResultBlock<'a>>>,
    #[serde(default, deserialize_with = "json::word")]
    pub(in crate::bedrock) status: Status,
    /// A tool that the provider runs.
    r#type: Option<Unserved>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::bedrock) enum Status {
    #[default]
    Success,
    Error,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum ResultBlock<'a> {
    Text(String),
    Json(Value),
    #[serde(borrow)]
    Image(Image<'a>),
    #[serde(borrow)]
    Document(Document<'a>),
    #[serde(borrow)]
    Video(Video<'a>),
    SearchResult(SearchResult),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::bedrock) enum Reasoning {
    ReasoningText(ReasoningText),
    #[serde(deserialize_with = "blob")]
    RedactedContent(Bytes),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct ReasoningText {
    pub(in crate::bedrock) text: String,
    pub(in crate::bedrock) signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct SearchResult {
    pub(in crate::bedrock) source: String,
    pub(in crate::bedrock) title: String,
    pub(in crate::bedrock) content: Vec<FoundText>,
    pub(in crate::bedrock) citations: Option<CitationsConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct FoundText {
    pub(in crate::bedrock) text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct CitationsContent {
    pub(in crate::bedrock) content: Vec<Union<OnlyText>>,
    pub(in crate::bedrock) citations: Option<Vec<Citation>>,
}

/// A place where something was found; read to be checked, and kept as it is.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
pub(in crate::bedrock) struct Citation {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_content: Option<Vec<CitedSource>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Union<Location>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct CitedSource {
    text: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum Location {
    Web(Web),
    DocumentChar(InDocument),
    DocumentPage(InDocument),
    DocumentChunk(InDocument),
    #[serde(rename = "searchResultLocation")]
    Found(InSearchResult),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Web {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct InDocument {
    #[serde(skip_serializing_if = "Option::is_none")]
    document_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u32>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object")]
struct InSearchResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    search_result_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<u32>,
}
