//! A prompt that is answered later: what a job is made of.

use bytes::Bytes;
use outcrop_chat::InvalidRequest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::to_vec;
use crate::json;

/// The fields that say when and not what.
const FIELDS: [&str; 3] = ["async", "priority", "deadline"];

/// How an answer is made later: as `POST /v1/jobs` has it, and checked there.
#[derive(Debug, Default, Serialize)]
pub struct Later {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deadline: Option<Value>,
}

#[derive(Serialize)]
struct Job<'a> {
    path: &'a str,
    body: Map<String, Value>,
    #[serde(flatten)]
    later: &'a Later,
}

/// Whether a body may ask for an answer later, as far as that can be seen without reading it.
#[must_use]
pub fn may_be_asked(body: &[u8]) -> bool {
    [&b"\"async\""[..], b"\"priority\"", b"\"deadline\""]
        .iter()
        .any(|word| memchr::memmem::find(body, word).is_some())
}

impl Later {
    /// The body of `POST /v1/jobs` for a call of `path` with `body`.
    ///
    /// # Errors
    /// [`InvalidRequest`] when the body is no JSON object.
    pub fn job(&self, path: &str, body: &[u8]) -> Result<Bytes, InvalidRequest> {
        let mut body: Map<String, Value> = json::parse(body)?;
        body.retain(|name, _| !FIELDS.contains(&name.as_str()));
        Ok(to_vec(&Job { path, body, later: self }).into())
    }
}
