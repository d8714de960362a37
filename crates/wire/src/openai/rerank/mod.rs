//! `POST /v1/rerank`, in Cohere's shape (Cohere API reference, v2 "Rerank"); Jina's and LiteLLM's spellings of the same are
//! taken too. [`parity::FIELDS`] says what becomes of each field.

pub mod parity;

use std::fmt;

use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::to_vec;
use crate::{json, top_level};

/// Most documents of one request (Amazon Bedrock API reference, Rerank: `sources`).
const MOST_DOCUMENTS: usize = 1_000;

/// A request to sort texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerankRequest {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// The question.
    pub query: String,
    /// The texts, at least one.
    pub documents: Vec<String>,
    /// How many of the best are wanted, at most as many as there are; `None` is all.
    pub top_n: Option<u32>,
    /// Whether the texts are to stand in the answer.
    pub return_documents: bool,
    /// Fields that the client set and that cannot be honoured, in its spelling.
    pub dropped: Vec<&'static str>,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Body {
    model: Option<String>,
    query: String,
    documents: Vec<Document>,
    #[serde(alias = "top_k")]
    top_n: Option<u32>,
    return_documents: Option<bool>,
    rank_fields: Option<IgnoredAny>,
    max_tokens_per_doc: Option<IgnoredAny>,
    max_chunks_per_doc: Option<IgnoredAny>,
    priority: Option<IgnoredAny>,
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON or a field is wrong; it names the field.
pub fn parse(bytes: &[u8]) -> Result<RerankRequest, InvalidRequest> {
    let body: Body = json::parse(bytes)?;
    if body.rank_fields.is_some() {
        let message = "`rank_fields` is not supported: documents are texts here, not fields.";
        return Err(InvalidRequest::new("rank_fields", message));
    }
    let blank = |field: String| {
        let message = format!("`{field}` must not be blank.");
        InvalidRequest::new(field, message)
    };
    if body.query.trim().is_empty() {
        return Err(blank("query".to_owned()));
    }
    let count = body.documents.len();
    if !(1..=MOST_DOCUMENTS).contains(&count) {
        let message = format!("`documents` must have from 1 to {MOST_DOCUMENTS} elements, not {count}.");
        return Err(InvalidRequest::new("documents", message));
    }
    if let Some(at) = body.documents.iter().position(|it| it.0.trim().is_empty()) {
        return Err(blank(format!("documents[{at}]")));
    }
    if body.top_n == Some(0) {
        return Err(InvalidRequest::new("top_n", "`top_n` must be at least 1."));
    }
    let ignored = [
        ("max_tokens_per_doc", body.max_tokens_per_doc),
        ("max_chunks_per_doc", body.max_chunks_per_doc),
        ("priority", body.priority),
    ];
    let dropped = ignored.into_iter().filter(|(_, value)| value.is_some()).map(|(field, _)| field).collect();
    Ok(RerankRequest {
        model: body.model,
        query: body.query,
        documents: body.documents.into_iter().map(|it| it.0).collect(),
        top_n: body.top_n.map(|top_n| top_n.min(count as u32)),
        return_documents: body.return_documents.unwrap_or(false),
        dropped,
        unknown: top_level::unknown(bytes, &[top_level::names::<Body>(), &[crate::cache_control::FIELD]]),
    })
}

/// One of the texts, and how well it answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored<'a> {
    /// Its place among the documents of the request.
    pub index: usize,
    /// How well it answers, 0 to 1.
    pub score: f64,
    /// The text, if the answer is to hold it.
    pub document: Option<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    results: Vec<ResultBody<'a>>,
    meta: Meta,
}

#[derive(Serialize)]
struct ResultBody<'a> {
    index: usize,
    relevance_score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Text<'a>>,
}

impl<'a> From<&Scored<'a>> for ResultBody<'a> {
    fn from(scored: &Scored<'a>) -> Self {
        let document = scored.document.map(|text| Text { text });
        Self { index: scored.index, relevance_score: scored.score, document }
    }
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

#[derive(Serialize)]
struct Meta {
    api_version: Version,
    billed_units: Units,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

#[derive(Serialize)]
struct Units {
    search_units: u64,
}

/// The body of an answer; `search_units` is what it cost.
#[must_use]
pub fn response(id: &str, scored: &[Scored<'_>], search_units: u64) -> Bytes {
    let results = scored.iter().map(ResultBody::from).collect();
    let meta = Meta { api_version: Version { version: "2" }, billed_units: Units { search_units } };
    to_vec(&Answer { id, results, meta }).into()
}

/// A string, or an object with `text`.
struct Document(String);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DocumentVisitor;

        impl<'de> Visitor<'de> for DocumentVisitor {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object with `text`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Document, E> {
                Ok(Document(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Document, A::Error> {
                #[derive(Deserialize)]
                struct WithText {
                    text: String,
                }
                WithText::deserialize(de::value::MapAccessDeserializer::new(map)).map(|it| Document(it.text))
            }
        }

        deserializer.deserialize_any(DocumentVisitor)
    }
}
