//! `POST /v1/chat/completions`: the request, and the whole answer. (Streams: [`super::stream`].)
//!
//! Every field of OpenAI's request has an answer here. Mapped: `model messages tools tool_choice
//! parallel_tool_calls max_completion_tokens max_tokens temperature top_p stop stream stream_options metadata
//! user safety_identifier`. Refused with a 400 that names the field, because the answer would not be the one
//! asked for: `functions function_call audio moderation web_search_options`, `modalities` beyond text,
//! `response_format` beyond text, `n` above 1, custom tools, audio and file parts, pictures by URL.
//! Dropped and reported in [`Translated::dropped`], because the answer is still a right one: `seed
//! logit_bias logprobs top_logprobs frequency_penalty presence_penalty prediction prompt_cache_*
//! reasoning_effort service_tier store verbosity` and hints inside messages and tools.
//! Fields that OpenAI does not know are ignored, as OpenAI's own clients expect.

mod messages;
mod options;
mod reading;
mod request;
mod response;
mod tools;

use outcrop_chat::{Block, InvalidRequest, Request, normalise};

pub use response::{Answer, response};

pub(crate) use options::zero_to_one;
pub(crate) use request::Stop;

use crate::{ToolNames, json};

/// Most pictures of one request, outside tool results (Amazon Bedrock API reference, Message).
const MOST_IMAGES: usize = 20;

/// A request as it came in, with what routing needs to know at hand.
#[derive(Debug)]
pub struct ChatRequest {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    body: request::Body,
}

/// A request for a model, and what is needed to answer in the client's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The conversation, in the order Bedrock accepts.
    pub request: Request,
    /// The way back from Bedrock's tool names to the client's.
    pub tool_names: ToolNames,
    /// Fields that the client set and that no Bedrock model can honour, each once, in OpenAI's spelling.
    pub dropped: Vec<&'static str>,
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON or a field has the wrong type.
pub fn parse(body: &[u8]) -> Result<ChatRequest, InvalidRequest> {
    let mut body: request::Body = json::parse(body)?;
    let stream = body.stream.unwrap_or(false);
    let options = body.stream_options.take();
    if options.is_some() && !stream {
        return Err(InvalidRequest::new(
            "stream_options",
            "`stream_options` is only allowed when `stream` is true.",
        ));
    }
    let include_usage = options.and_then(|it| it.include_usage).unwrap_or(false);
    Ok(ChatRequest { model: body.model.take(), stream, include_usage, body })
}

impl ChatRequest {
    /// The field that bounds the answer's tokens, as the client spells it.
    #[must_use]
    pub const fn max_tokens_field(&self) -> &'static str {
        if self.body.max_completion_tokens.is_some() { "max_completion_tokens" } else { "max_tokens" }
    }

    /// Turns the request into the neutral conversation, already brought into the order Bedrock accepts.
    ///
    /// # Errors
    /// [`InvalidRequest`] for whatever no Bedrock model can do and the client would miss; it names the field.
    pub fn into_chat(self) -> Result<Translated, InvalidRequest> {
        let mut body = self.body;
        options::refuse(&body)?;
        let mut dropped = Dropped::default();
        options::note_dropped(&body, &mut dropped);

        let mut tool_names = ToolNames::default();
        let offer = tools::offer(&mut body, &mut tool_names, &mut dropped)?;
        let (system, messages) = messages::convert(body.messages.take(), &mut tool_names, &mut dropped)?;
        let inference = options::inference(&mut body)?;
        let metadata = options::metadata(&mut body, &mut dropped);
        let request = Request { system, messages, inference, metadata, ..Request::default() };
        let request = normalise(tools::apply(offer, request));
        if request.messages.is_empty() {
            return Err(InvalidRequest::new("messages", "`messages` holds nothing to answer."));
        }
        let blocks = request.messages.iter().flat_map(|message| &message.content);
        let images = blocks.filter(|block| matches!(block, Block::Image(_))).count();
        if images > MOST_IMAGES {
            let message = format!("`messages` may hold at most {MOST_IMAGES} images, not {images}.");
            return Err(InvalidRequest::new("messages", message));
        }
        Ok(Translated { request, tool_names, dropped: dropped.0 })
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
