//! `/v1/responses`: the request, the response object, its stream, and what is kept of both.
//!
//! A request goes [`parse`] -> [`ResponsesRequest::into_chat`] -> `chat::Request`; an answer comes back through
//! [`Answer`], or event by event through [`ResponseStream`]. What earlier responses hold and this one continues is
//! brought in as [`Earlier`]; [`kept`] is what is put away for later ones. Every field of OpenAI's request has an answer,
//! told in [`parity`]; fields that OpenAI does not know are ignored, as its own clients expect, and named.
//! Shapes: openai-python 3.54, OpenAI API reference, "Responses"; what Codex sends: codex-cli 0.169.

mod answer;
pub mod background;
mod called;
mod echo;
mod envelope;
mod items;
pub mod kept;
mod media;
mod options;
mod output;
pub mod parity;
mod reading;
mod request;
mod stream;
mod tools;

use std::collections::HashMap;

use bytes::Bytes;
use outcrop_chat::{InvalidRequest, Request, normalise};
use outcrop_types::{ResponseId, StoredResponse};

pub use answer::{Answer, Ending};
pub use called::CalledTools;
pub use kept::Earlier;
pub use stream::ResponseStream;

use crate::openai::caching;
use crate::vendor::{self, Vendor};
use crate::{json, request_metadata, top_level};
use items::{From, Turns};
use kept::Items;
use request::{Input, Item};

/// Most bytes of JSON of all kept items that a request refers to: one that is named twice counts twice.
const MOST_REFERRED_BYTES: usize = 16 << 20;

/// A request as it came in, with what is needed to find its model and what it continues.
#[derive(Debug)]
pub struct ResponsesRequest<'a> {
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the response is to be kept; so it is by default.
    pub store: bool,
    /// Whether the answer is made later, for the client to come back to.
    pub background: bool,
    /// Fields that nobody knows, in letters that fit a header.
    pub unknown: Vec<String>,
    vendor: Vendor,
    bytes: &'a Bytes,
    body: request::Body<'a>,
}

/// The earlier responses that a request needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The one it continues, as the client named it.
    pub previous: Option<String>,
    /// Those it takes items of, in the order in which they are first named.
    pub taken: Vec<Taken>,
    /// An item it refers to that cannot be one of a response kept here, by its id.
    pub unknown: Option<String>,
}

/// Items of one earlier response that a request takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// The response.
    pub response: ResponseId,
    /// The ids of the items.
    pub items: Vec<String>,
    /// Where in `input` the first of them is named.
    pub at: usize,
    /// Whether the request refers to one of them, and cannot be answered without it. The others are thoughts that come
    /// back without their signatures: without one, the thought is left out.
    pub required: bool,
}

/// A request for a model, and what is needed to answer in the client's terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The conversation, in the order Bedrock accepts.
    pub request: Request,
    /// The way back from Bedrock's tool names to the client's.
    pub tools: CalledTools,
    /// Fields that the client set and that no Bedrock model can honour, each once, in OpenAI's spelling.
    pub dropped: Vec<&'static str>,
    /// What the response repeats of its request.
    pub asked: Asked,
}

/// What the response repeats of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// JSON fields without braces.
    echo: Bytes,
    /// Whether thoughts are given in a form that can be given back.
    encrypted: bool,
}

/// Whether a body says something of the prompt cache, as far as that can be seen without reading it.
#[must_use]
pub fn says_of_a_cache(body: &[u8]) -> bool {
    ["\"prompt_cache_", "\"prompt_caching\"", "\"cache_control\""]
        .iter()
        .any(|word| memchr::memmem::find(body, word.as_bytes()).is_some())
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, a field has the wrong type, or asks for what is not served.
pub fn parse(bytes: &Bytes) -> Result<ResponsesRequest<'_>, InvalidRequest> {
    let mut body: request::Body<'_> = json::parse(bytes)?;
    options::refuse(&body)?;
    let (stream, store) = (body.stream.unwrap_or(false), body.store.unwrap_or(true));
    let vendor = Vendor::read(bytes)?;
    let unknown = top_level::unknown(bytes, &[top_level::names::<request::Body<'_>>(), Vendor::names()]);
    let background = body.background == Some(true);
    Ok(ResponsesRequest { model: body.model.take(), stream, store, background, unknown, vendor, bytes, body })
}

impl ResponsesRequest<'_> {
    /// Which earlier responses it needs.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs { previous: self.body.previous_response_id.clone(), ..Needs::default() };
        let items = if let Some(Input::List(items)) = &self.body.input { items.as_slice() } else { &[] };
        let mut places: HashMap<ResponseId, usize> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            let required = is_reference(item);
            if !required && !is_bare_thought(item) {
                continue;
            }
            let id = item.id.as_deref().unwrap_or_default();
            let Some(response) = kept::response_of(id) else {
                if required {
                    needs.unknown = Some(id.to_owned());
                }
                continue;
            };
            let place = *places.entry(response).or_insert(needs.taken.len());
            if place == needs.taken.len() {
                needs.taken.push(Taken { response, items: Vec::new(), at, required });
            }
            needs.taken[place].items.push(id.to_owned());
            needs.taken[place].required |= required;
        }
        needs
    }

    /// Turns the request into the neutral conversation, already brought into the order Bedrock accepts.
    /// `model` is the model's own id, by which thoughts are known as its own.
    ///
    /// # Errors
    /// [`InvalidRequest`] for whatever no Bedrock model can do and the client would miss; it names the field.
    pub fn into_chat(self, model: &str, earlier: &Earlier) -> Result<Translated, InvalidRequest> {
        let Self { bytes, mut body, mut vendor, .. } = self;
        let mut dropped = Dropped::default();
        if vendor.drop_paths() {
            dropped.note(vendor::PATHS);
        }
        vendor.without_effect().into_iter().for_each(|field| dropped.note(field));
        options::note_dropped(&body, &mut dropped);
        let asked = Asked { echo: echo::echo(&body), encrypted: options::wants_encrypted(&body) };

        let mut called = CalledTools::default();
        let offer = tools::offer(&mut body, &mut called, &mut dropped)?;
        let mut turns = Turns::new(model, &mut called, &mut dropped);
        let retention = body.prompt_cache_retention.as_deref();
        turns.kept_for(caching::inherited(body.prompt_cache_options.as_ref(), retention)?);
        if let Some(text) = body.instructions.take() {
            turns.instruct(text);
        }
        if let Some(previous) = &earlier.previous {
            continue_from(&mut turns, previous)?;
        }
        match body.input.take() {
            None => {}
            Some(Input::Text(text)) => turns.say(text),
            Some(Input::List(items)) => push_all(&mut turns, bytes, items, earlier)?,
        }
        let (system, messages) = turns.finish()?;
        let own = [("user", body.user.take()), ("safety_identifier", body.safety_identifier.take())];
        let metadata = request_metadata::pairs(body.metadata.take(), own, |field| dropped.note(field));
        let mut request = Request {
            system,
            messages,
            inference: options::inference(&body)?,
            reasoning: options::reasoning(&body)?,
            output: options::output(body.text.take().and_then(|it| it.format))?,
            service_tier: options::service_tier(body.service_tier.as_deref(), &mut dropped)?,
            metadata,
            caching: options::caching(&mut body)?,
            ..Request::default()
        };
        vendor.apply(&mut request)?;
        let request = normalise(offer.apply(request));
        check(&request)?;
        Ok(Translated { request, tools: called, dropped: dropped.0, asked })
    }
}

/// All that was said before.
fn continue_from(turns: &mut Turns<'_>, previous: &StoredResponse) -> Result<(), InvalidRequest> {
    for items in [&previous.input, kept::output(previous)] {
        let bytes = Bytes::from(crate::error::to_vec(items));
        let items: Vec<Item<'_>> = serde_json::from_slice(&bytes).map_err(|_| kept::unreadable())?;
        for (at, item) in items.into_iter().enumerate() {
            turns.push(From { body: &bytes, field: "previous_response_id" }, at, item)?;
        }
    }
    Ok(())
}

/// What is said now; references are looked up.
fn push_all(
    turns: &mut Turns<'_>,
    bytes: &Bytes,
    items: Vec<Item<'_>>,
    earlier: &Earlier,
) -> Result<(), InvalidRequest> {
    let kept = Items::of(earlier);
    let mut left = MOST_REFERRED_BYTES;
    for (at, item) in items.into_iter().enumerate() {
        let found = if is_reference(&item) {
            let id = item.id.as_deref();
            Some(id.and_then(|id| kept.get(id)).ok_or_else(|| kept::no_item(at, id))?)
        } else if is_bare_thought(&item) {
            item.id.as_deref().and_then(|id| kept.get(id))
        } else {
            None
        };
        let Some(found) = found else {
            turns.push(From { body: bytes, field: "input" }, at, item)?;
            continue;
        };
        let bytes = Bytes::from(crate::error::to_vec(found));
        left = left.checked_sub(bytes.len()).ok_or_else(|| kept::too_much(at))?;
        let item: Item<'_> = serde_json::from_slice(&bytes).map_err(|_| kept::unreadable())?;
        turns.push(From { body: &bytes, field: "input" }, at, item)?;
    }
    Ok(())
}

fn is_reference(item: &Item<'_>) -> bool {
    match item.r#type.as_deref() {
        Some(kind) => kind == "item_reference",
        None => item.role.is_none() && item.id.is_some(),
    }
}

fn is_bare_thought(item: &Item<'_>) -> bool {
    item.r#type.as_deref() == Some("reasoning") && item.encrypted_content.is_none()
}

fn check(request: &Request) -> Result<(), InvalidRequest> {
    if request.messages.is_empty() {
        return Err(InvalidRequest::new("input", "`input` holds nothing to answer."));
    }
    Ok(())
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

fn required(param: &str) -> InvalidRequest {
    InvalidRequest::new(param, format!("`{param}` is required."))
}
