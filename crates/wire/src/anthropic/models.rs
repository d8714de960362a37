//! Anthropic's `GET /v1/models[/{id}]` (Anthropic API reference, Models; fields of anthropic-python 2.11).

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use outcrop_chat::{Effort, InvalidRequest};
use serde::Serialize;

use crate::error::to_vec;
use crate::model_card::{ModelCard, Thinking};

/// Models on a page when no number is asked for.
const PAGE: usize = 20;
/// Most models on a page.
const MAX_PAGE: usize = 1_000;

/// Which part of the list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    after_id: Option<String>,
    before_id: Option<String>,
    limit: usize,
    /// Stages; empty for those that can be called, which are all we have.
    lifecycle: Vec<String>,
}

#[derive(Serialize)]
struct Model<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    max_input_tokens: Option<u32>,
    max_tokens: Option<u32>,
    lifecycle: &'static str,
    retires_at: Option<String>,
    capabilities: Capabilities,
}

#[derive(Serialize)]
struct Capabilities {
    batch: Support,
    citations: Support,
    code_execution: Support,
    context_management: Support,
    effort: EffortLevels,
    image_input: Support,
    pdf_input: Support,
    server_tools: ServerTools,
    structured_outputs: Support,
    thinking: ThinkingSupport,
}

#[derive(Serialize)]
struct Support {
    supported: bool,
}

#[derive(Serialize)]
struct EffortLevels {
    supported: bool,
    low: Support,
    medium: Support,
    high: Support,
    xhigh: Support,
    max: Support,
}

#[derive(Serialize)]
struct ServerTools {
    supported: bool,
    code_execution: Support,
    web_search: Support,
}

#[derive(Serialize)]
struct ThinkingSupport {
    supported: bool,
    types: ThinkingTypes,
}

#[derive(Serialize)]
struct ThinkingTypes {
    adaptive: Support,
    between_tools: Support,
    disabled: Support,
    enabled: Support,
}

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl Paging {
    /// Reads the query, as pairs that are decoded. What Anthropic does not know is passed over.
    ///
    /// # Errors
    /// [`InvalidRequest`] that names the parameter.
    pub fn parse<N: AsRef<str>, V: AsRef<str>>(
        query: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, InvalidRequest> {
        let mut paging = Self { after_id: None, before_id: None, limit: PAGE, lifecycle: Vec::new() };
        for (name, value) in query {
            let value = value.as_ref();
            match name.as_ref() {
                "after_id" => paging.after_id = Some(value.to_owned()),
                "before_id" => paging.before_id = Some(value.to_owned()),
                "limit" => paging.limit = limit(value)?,
                "lifecycle" | "lifecycle[]" => paging.lifecycle.push(stage(value)?),
                _ => {}
            }
        }
        match (&paging.after_id, &paging.before_id) {
            (Some(_), Some(_)) => {
                Err(InvalidRequest::new("before_id", "`before_id` and `after_id` exclude each other."))
            }
            _ => Ok(paging),
        }
    }

    /// The body of `GET /v1/models`: the part asked for of these models.
    ///
    /// # Errors
    /// [`InvalidRequest`] when the model to go on from is none of them.
    pub fn list(&self, cards: &[ModelCard]) -> Result<Bytes, InvalidRequest> {
        let wanted = |card: &&ModelCard| {
            self.lifecycle.is_empty() || self.lifecycle.iter().any(|it| it == lifecycle(card))
        };
        let cards: Vec<&ModelCard> = cards.iter().filter(wanted).collect();
        let find = |name: &str, id: &str| {
            let message = format!("`{name}` is not the id of a model on the list.");
            cards.iter().position(|card| card.id == id).ok_or_else(|| InvalidRequest::new(name, message))
        };
        let (page, has_more) = match (&self.after_id, &self.before_id) {
            (Some(id), _) => self.first_of(&cards[find("after_id", id)? + 1..]),
            (None, Some(id)) => {
                let before = &cards[..find("before_id", id)?];
                let start = before.len().saturating_sub(self.limit);
                (&before[start..], start > 0)
            }
            (None, None) => self.first_of(&cards),
        };
        Ok(to_vec(&Page {
            data: page.iter().map(|card| Model::from(*card)).collect(),
            has_more,
            first_id: page.first().map(|card| card.id.as_str()),
            last_id: page.last().map(|card| card.id.as_str()),
        })
        .into())
    }

    fn first_of<'a, 'b>(&self, cards: &'b [&'a ModelCard]) -> (&'b [&'a ModelCard], bool) {
        (&cards[..cards.len().min(self.limit)], cards.len() > self.limit)
    }
}

/// The body of `GET /v1/models/{id}`.
#[must_use]
pub fn object(card: &ModelCard) -> Bytes {
    to_vec(&Model::from(card)).into()
}

fn limit(text: &str) -> Result<usize, InvalidRequest> {
    let limit = text.parse().ok().filter(|it| (1..=MAX_PAGE).contains(it));
    limit.ok_or_else(|| {
        InvalidRequest::new("limit", format!("`limit` must be a number from 1 to {MAX_PAGE}."))
    })
}

fn stage(text: &str) -> Result<String, InvalidRequest> {
    if ["active", "deprecated", "retired"].contains(&text) {
        return Ok(text.to_owned());
    }
    Err(InvalidRequest::new("lifecycle", "`lifecycle` must be `active`, `deprecated` or `retired`."))
}

const fn lifecycle(card: &ModelCard) -> &'static str {
    if card.legacy { "deprecated" } else { "active" }
}

const fn yes(supported: bool) -> Support {
    Support { supported }
}

/// A time as Anthropic writes it; the epoch, which stands for the unknown, if it is none.
fn time(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl<'a> From<&'a ModelCard> for Model<'a> {
    fn from(card: &'a ModelCard) -> Self {
        Self {
            r#type: "model",
            id: &card.id,
            display_name: card.name.as_deref().unwrap_or(&card.id),
            created_at: time(card.created),
            max_input_tokens: card.context_window,
            max_tokens: card.max_output_tokens,
            lifecycle: lifecycle(card),
            retires_at: card.end_of_life.map(time),
            capabilities: card.into(),
        }
    }
}

impl From<&ModelCard> for Capabilities {
    fn from(card: &ModelCard) -> Self {
        let can = card.abilities;
        let thinking = can.reasoning.unwrap_or_default();
        let none = ServerTools { supported: false, code_execution: yes(false), web_search: yes(false) };
        Self {
            batch: yes(false),
            // Only where the request goes to the model as it is, are its citations the model's own.
            citations: yes(can.anthropic),
            code_execution: yes(false),
            context_management: yes(false),
            effort: EffortLevels::of(thinking),
            image_input: yes(card.input.contains(&"image")),
            pdf_input: yes(card.input.contains(&"document")),
            server_tools: none,
            structured_outputs: yes(can.structured_output),
            thinking: ThinkingSupport {
                supported: can.reasoning.is_some(),
                types: ThinkingTypes {
                    adaptive: yes(thinking.adaptive),
                    between_tools: yes(false),
                    disabled: yes(!thinking.always),
                    enabled: yes(thinking.budget),
                },
            },
        }
    }
}

impl EffortLevels {
    fn of(thinking: Thinking) -> Self {
        let up_to = |effort: Effort| yes(thinking.max_effort.is_some_and(|max| effort <= max));
        Self {
            supported: thinking.max_effort.is_some(),
            low: up_to(Effort::Low),
            medium: up_to(Effort::Medium),
            high: up_to(Effort::High),
            xhigh: yes(thinking.xhigh && up_to(Effort::XHigh).supported),
            max: up_to(Effort::Max),
        }
    }
}
