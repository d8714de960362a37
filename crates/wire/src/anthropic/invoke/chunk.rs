//! One chunk of a streamed answer: an event of Anthropic's.

use std::borrow::Cow;

use bytes::Bytes;
use outcrop_types::ErrorCode;
use serde::Deserialize;

use super::answer::Usage;
use super::text::Weight;
use crate::error::ErrorBody;

/// An event as it came, and what metering needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its JSON.
    pub(super) json: Bytes,
    /// Its `type`.
    pub(super) name: Box<str>,
    /// What it is.
    pub kind: ChunkKind,
    /// What the text, thought or arguments in it weigh.
    pub output: Weight,
    /// Why the model stopped, in Anthropic's words.
    pub stop_reason: Option<String>,
    pub(super) usage: Option<Usage>,
}

impl Chunk {
    /// Its JSON, as it came.
    #[must_use]
    pub const fn json(&self) -> &Bytes {
        &self.json
    }
}

/// What an event is, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// `message_start`
    Start,
    /// `message_stop`, the last one of a whole answer.
    Stop,
    /// Any other.
    Other,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    usage: Option<Usage>,
    error: Option<Failure>,
}

/// What a block begins with.
#[derive(Deserialize)]
struct Block<'a> {
    /// Of a tool.
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    /// Of a thought that is kept encrypted.
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    usage: Option<Usage>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    message: String,
}

/// Reads a chunk.
///
/// # Errors
/// [`ErrorBody`] when it is an error of the model's own, or no event at all.
pub fn read(json: Bytes) -> Result<Chunk, ErrorBody> {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(&json) else {
        return Err(failure(ErrorCode::Upstream, "The model wrote something that is not an answer."));
    };
    if &*event.r#type == "error" {
        let Failure { r#type, message } =
            event.error.unwrap_or(Failure { r#type: String::new(), message: String::new() });
        let message = if message.is_empty() { "The model failed." } else { &message };
        return Err(failure(code(&r#type), message));
    }
    let kind = match &*event.r#type {
        "message_start" => ChunkKind::Start,
        "message_stop" => ChunkKind::Stop,
        _ => ChunkKind::Other,
    };
    let delta = event.delta.as_ref();
    let block = event.content_block.as_ref();
    let texts = delta.map(|it| [&it.text, &it.thinking, &it.partial_json]);
    let texts = texts.into_iter().flatten().flatten().chain(block.and_then(|it| it.name.as_ref()));
    // A thought that is not shown is paid for; what is sealed of it tells how long it is.
    let sealed = [delta.and_then(|it| it.signature.as_ref()), block.and_then(|it| it.data.as_ref())];
    let sealed = sealed.into_iter().flatten().map(|it| Weight::of_sealed(it.len() / 4 * 3));
    let output = texts.map(|text| Weight::of(text.as_bytes())).chain(sealed).sum();
    let stop_reason = delta.and_then(|it| it.stop_reason.as_ref());
    let stop_reason = stop_reason.or(event.message.as_ref().and_then(|it| it.stop_reason.as_ref()));
    let stop_reason = stop_reason.map(|it| it.clone().into_owned());
    let usage = event.usage.or(event.message.as_ref().and_then(|it| it.usage));
    let name = Box::from(&*event.r#type);
    drop(event);
    Ok(Chunk { name, kind, output, stop_reason, usage, json })
}

fn failure(code: ErrorCode, message: &str) -> ErrorBody {
    ErrorBody { code, message: message.to_owned(), param: None, request_id: None }
}

/// What Anthropic's word for a failure is here.
fn code(word: &str) -> ErrorCode {
    match word {
        "invalid_request_error" => ErrorCode::InvalidRequest,
        "rate_limit_error" => ErrorCode::RateLimited,
        "overloaded_error" => ErrorCode::Unavailable,
        "timeout_error" => ErrorCode::Timeout,
        "request_too_large" => ErrorCode::PayloadTooLarge,
        _ => ErrorCode::Upstream,
    }
}
