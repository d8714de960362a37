//! `POST /v1/chat/completions`: the request, and the whole answer. (Streams: [`super::stream`].)
//!
//! Every field of OpenAI's request has an answer here, and so have those that its clients send to gateways before
//! Bedrock; [`parity::FIELDS`] lists each with its fate. What is dropped, because the answer is still a right one, is
//! reported in [`Translated::dropped`]; what is refused, because the answer would not be the one asked for, is a 400
//! that names the field. Fields that nobody knows are ignored, as OpenAI's own clients expect, and named.

mod cache;
mod calls;
mod citations;
mod functions;
mod messages;
mod options;
pub mod parity;
mod parts;
mod reading;
mod request;
mod response;
mod thinking;
mod tools;
mod turns;
mod vendor;

use bytes::Bytes;
use outcrop_chat::{InvalidRequest, Request, normalise};

pub(super) use response::put_extra;
pub use response::{Answer, response, responses};

pub(super) use citations::Sources;
pub(crate) use options::zero_to_one;
pub(crate) use request::{Stop, StreamOptions};
pub(super) use thinking::put_thought;

use crate::openai::caching;
use crate::vendor::Vendor;
use crate::{ToolNames, json, request_metadata, top_level};

/// A request as it came in, with what routing needs to know at hand.
#[derive(Debug)]
pub struct ChatRequest<'a> {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
    vendor: Vendor,
    body: request::Body<'a>,
    bytes: &'a Bytes,
}

/// A request for a model, and what is needed to answer in the client's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The conversation, in the order Bedrock accepts.
    pub request: Request,
    /// How many answers are asked for (`n`): at least 1.
    pub choices: usize,
    /// Whether tools came as `functions`, so that calls are answered in that form.
    pub functions: bool,
    /// The way back from Bedrock's tool names to the client's.
    pub tool_names: ToolNames,
    /// Fields that the client set and that no Bedrock model can honour, each once, in OpenAI's spelling.
    pub dropped: Vec<&'static str>,
}

/// Reads a request's body. Media stay where they are in it.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON or a field has the wrong type.
pub fn parse(bytes: &Bytes) -> Result<ChatRequest<'_>, InvalidRequest> {
    let mut body: request::Body<'_> = json::parse(bytes)?;
    let stream = body.stream.unwrap_or(false);
    let include_usage = include_usage(stream, body.stream_options.take())?;
    let vendor = Vendor::read(bytes)?;
    let unknown = top_level::unknown(bytes, &[top_level::names::<request::Body<'_>>(), Vendor::names()]);
    Ok(ChatRequest { model: body.model.take(), stream, include_usage, unknown, vendor, body, bytes })
}

/// `stream_options.include_usage`, which only streams have.
pub(super) fn include_usage(stream: bool, options: Option<StreamOptions>) -> Result<bool, InvalidRequest> {
    if options.is_some() && !stream {
        return Err(InvalidRequest::new(
            "stream_options",
            "`stream_options` is only allowed when `stream` is true.",
        ));
    }
    Ok(options.and_then(|it| it.include_usage).unwrap_or(false))
}

impl ChatRequest<'_> {
    /// The field that bounds the answer's tokens, as the client spells it.
    #[must_use]
    pub const fn max_tokens_field(&self) -> &'static str {
        if self.body.max_completion_tokens.is_some() { "max_completion_tokens" } else { "max_tokens" }
    }

    /// The field that says how hard to think, as the client spells it.
    #[must_use]
    pub const fn reasoning_field(&self) -> &'static str {
        if self.body.thinking.is_some() { "thinking" } else { "reasoning_effort" }
    }

    /// The field that says what a cache may keep, and the one for how long, as the client spells them.
    #[must_use]
    pub fn cache_fields(&self) -> (&'static str, &'static str) {
        let has = |field: &[u8]| memchr::memmem::find(self.bytes, field).is_some();
        if has(b"\"prompt_cache_breakpoint\"") && !has(b"\"cache_control\"") {
            ("messages.content.prompt_cache_breakpoint", "messages.content.prompt_cache_breakpoint.ttl")
        } else {
            ("cache_control", "cache_control.ttl")
        }
    }

    /// Turns the request into the neutral conversation, already brought into the order Bedrock accepts.
    ///
    /// # Errors
    /// [`InvalidRequest`] for whatever no Bedrock model can do and the client would miss; it names the field.
    pub fn into_chat(self) -> Result<Translated, InvalidRequest> {
        let mut body = self.body;
        options::refuse(&body)?;
        let choices = options::choices(&body)?;
        let mut dropped = Dropped::default();
        options::note_dropped(&body, &mut dropped);
        self.vendor.without_effect().into_iter().for_each(|field| dropped.note(field));

        let mut tool_names = ToolNames::default();
        let functions = body.functions.is_some();
        let offer = tools::offer(&mut body, &mut tool_names, &mut dropped)?;
        let mut turns = body.messages.take();
        let retention = body.prompt_cache_retention.as_deref();
        cache::inherit(&mut turns, caching::inherited(body.prompt_cache_options.as_ref(), retention)?);
        let (system, messages) = messages::convert(self.bytes, turns, &mut tool_names, &mut dropped)?;
        let own = [("user", body.user.take()), ("safety_identifier", body.safety_identifier.take())];
        let metadata = request_metadata::pairs(body.metadata.take(), own, |field| dropped.note(field));
        let mut request = Request {
            system,
            messages,
            inference: options::inference(&mut body)?,
            reasoning: vendor::reasoning(&body, &mut dropped)?,
            output: options::output(&mut body)?,
            service_tier: options::service_tier(&body)?,
            metadata,
            caching: options::caching(&mut body)?,
            ..Request::default()
        };
        self.vendor.apply(&mut request)?;
        let request = normalise(tools::apply(offer, request));
        if request.messages.is_empty() {
            return Err(InvalidRequest::new("messages", "`messages` holds nothing to answer."));
        }
        Ok(Translated { request, choices, functions, tool_names, dropped: dropped.0 })
    }
}

/// The fields that were dropped, each once.
#[derive(Default)]
struct Dropped(Vec<&'static str>);

impl Dropped {
    fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }
}
