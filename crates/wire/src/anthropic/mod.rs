//! Anthropic's Messages: `POST /v1/messages` and `/v1/messages/count_tokens`.
//!
//! A request goes one of two ways, which the service chooses by the model. For Claude the body passes through as it is
//! ([`invoke`]): nothing of it is lost, new fields included. For every other model it becomes the neutral conversation
//! ([`parse`], `into_chat`), and the answer is written by [`response`] or, event by event, by
//! [`MessagesStream`]. [`parity::FIELDS`] says what becomes of each field.
//! Shapes: Anthropic API reference, Messages, in the versions `2023-06-01` and `2026-10-21`.

mod automatic;
mod blocks;
mod citations;
pub mod invoke;
mod media;
pub mod models;
mod options;
pub mod parity;
mod reading;
mod request;
mod response;
mod results;
mod stream;
mod tools;
mod turns;
mod usage;
mod version;

use bytes::Bytes;
use outcrop_chat::{InvalidRequest, Request, normalise};

pub use response::{Answer, response};
pub use stream::{MessagesStream, heartbeat};
pub use version::{Betas, Version};

use crate::vendor::{self, Vendor};
use crate::{ToolNames, json, top_level};

/// What routing needs to know of a request before anything else of it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the answer is to have a certain shape (`output_config.format`).
    pub shaped: bool,
}

/// A request for a model that is not Claude, and what is needed to answer in the client's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The conversation, in the order Bedrock accepts.
    pub request: Request,
    /// The way back from Bedrock's tool names to the client's.
    pub tool_names: ToolNames,
    /// Whether the client wants no thoughts to read (`thinking.display: "omitted"`).
    pub hide_thinking: bool,
    /// Fields that the client set and that no model but Claude can honour, each once, in Anthropic's spelling.
    pub dropped: Vec<&'static str>,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
}

/// What a body is for: counting needs less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An answer, which needs `max_tokens`.
    Answer,
    /// Its tokens.
    Count,
}

/// Reads model and manner of a request, and nothing else.
///
/// # Errors
/// [`InvalidRequest`] when the body is not JSON or one of these fields has the wrong type.
pub fn head(body: &[u8]) -> Result<Head, InvalidRequest> {
    let head: request::Head = json::parse(body)?;
    let shaped = head.wants_shape();
    Ok(Head { model: head.model, stream: head.stream.unwrap_or(false), shaped })
}

/// Turns a request into the neutral conversation, already in the order that Bedrock accepts. Media stay in base64 where
/// they stand in `body`.
///
/// # Errors
/// [`InvalidRequest`] for what is wrong, and for whatever only Claude can do and the client would miss; it names the
/// field.
pub fn parse(
    body: &Bytes,
    version: Version,
    betas: &Betas,
    purpose: Purpose,
) -> Result<Translated, InvalidRequest> {
    let mut asked: request::Body<'_> = json::parse(body)?;
    let mut dropped = Dropped::default();
    options::refuse(&asked, version, purpose)?;
    options::note_dropped(&asked, &mut dropped);
    if !betas.is_empty() {
        dropped.note("anthropic-beta");
    }
    let mut vendor = Vendor::read(body)?;
    if vendor.drop_paths() {
        dropped.note(vendor::PATHS);
    }
    vendor.without_effect().into_iter().for_each(|field| dropped.note(field));
    let mut names = ToolNames::default();
    let offer = tools::offer(&mut asked, &mut names, &mut dropped)?;
    let reasoning = options::reasoning(&asked, &mut dropped)?;
    let system = turns::system(asked.system.take(), &mut dropped)?;
    let automatic = asked.cache_control.as_ref().map(blocks::ttl).transpose()?;
    let context = turns::Context { body, version, betas, names: &mut names, dropped: &mut dropped };
    let messages = turns::convert(asked.messages.take(), context)?;
    let inference = options::inference(&mut asked, purpose)?;
    let metadata = options::metadata(&mut asked, &mut dropped);
    let hide_thinking = options::hides_thinking(&asked);
    let output = options::output(&mut asked)?;
    let mut request =
        Request { system, messages, inference, metadata, reasoning, output, ..Request::default() };
    vendor.apply(&mut request)?;
    let request = normalise(tools::apply(offer, automatic::place(request, automatic)));
    if request.messages.is_empty() {
        return Err(InvalidRequest::new("messages", "`messages` holds nothing to answer."));
    }
    let known =
        [top_level::names::<request::Body<'_>>(), top_level::names::<request::Head>(), Vendor::names()];
    let unknown = top_level::unknown(body, &known);
    Ok(Translated { request, tool_names: names, hide_thinking, dropped: dropped.0, unknown })
}

/// The fields that were dropped, each once.
#[derive(Debug, Default)]
struct Dropped(Vec<&'static str>);

impl Dropped {
    fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }
}
