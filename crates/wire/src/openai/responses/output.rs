//! `output`: items as they grow, and as they are written.

use bytes::{Bytes, BytesMut};
use outcrop_chat::{Block, CitedText, Reasoning};
use outcrop_types::ResponseId;
use serde::Serialize;
use serde_json::{Value, json};

use super::called::CalledTools;
use super::envelope;
use super::tools::CUSTOM_INPUT;

/// One item of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum OutputItem {
    /// A thought.
    Reasoning(Reasoning),
    /// What is said: texts that follow each other.
    Message(Vec<TextPart>),
    /// A call of a tool.
    Call(Call),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TextPart {
    pub(super) text: String,
    /// Where it was found, in Converse's shape (`Citation`).
    pub(super) citations: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    /// As Bedrock knows it.
    pub(super) name: String,
    /// JSON.
    pub(super) arguments: String,
}

/// What every item is written with.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) response: ResponseId,
    pub(super) tools: &'a CalledTools,
    /// The model whose thoughts go into envelopes; `None` leaves envelopes out.
    pub(super) seal_for: Option<&'a str>,
}

/// The items of a whole answer: as they would be if it had come in pieces.
pub(super) fn items(content: &[Block]) -> Vec<OutputItem> {
    let mut items: Vec<OutputItem> = Vec::new();
    for block in content {
        let part = match block {
            Block::Text(text) => TextPart { text: text.clone(), citations: Vec::new() },
            Block::Cited(CitedText { text, citations }) => {
                TextPart { text: text.clone(), citations: citations.clone() }
            }
            Block::Reasoning(thought) => {
                items.push(OutputItem::Reasoning(thought.clone()));
                continue;
            }
            Block::ToolUse(call) => {
                let arguments = call.input.to_string();
                items.push(OutputItem::Call(Call {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments,
                }));
                continue;
            }
            // Nothing else is said by models in this dialect.
            _ => continue,
        };
        if part == TextPart::default() {
            continue;
        }
        match items.last_mut() {
            Some(OutputItem::Message(parts)) => parts.push(part),
            _ => items.push(OutputItem::Message(vec![part])),
        }
    }
    items
}

/// Adds a piece of an encrypted thought.
pub(super) fn grow(thought: &mut Reasoning, piece: &Bytes) {
    match thought {
        Reasoning::Redacted(bytes) if !bytes.is_empty() => {
            let mut grown = BytesMut::from(&bytes[..]);
            grown.extend_from_slice(piece);
            *bytes = grown.freeze();
        }
        other => *other = Reasoning::Redacted(piece.clone()),
    }
}

impl TextPart {
    /// Its citations as OpenAI's annotations: of web pages over the whole text, of documents by their number.
    pub(super) fn annotations(&self) -> Vec<Value> {
        let end = self.text.chars().count();
        self.citations.iter().map(|it| annotation(it, end)).collect()
    }
}

fn annotation(citation: &Value, end: usize) -> Value {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let location = &citation["location"];
    let source = text(&citation["source"]);
    let url = text(&location["web"]["url"]).or_else(|| source.clone().filter(|it| it.starts_with("http")));
    let title = text(&citation["title"]);
    if let Some(url) = url {
        let title = title.or_else(|| text(&location["web"]["domain"])).unwrap_or_else(|| url.clone());
        return json!({ "type": "url_citation", "start_index": 0, "end_index": end, "url": url, "title": title });
    }
    let place = location.as_object().and_then(|kinds| kinds.values().next());
    let number = |field: &str| place.and_then(|place| place[field].as_u64());
    let index = number("documentIndex").or_else(|| number("searchResultIndex")).unwrap_or(0);
    let name = title.or_else(|| source.clone()).unwrap_or_default();
    json!({ "type": "file_citation", "file_id": source.unwrap_or_else(|| name.clone()), "filename": name, "index": index })
}

impl Call {
    /// The free text that stands in the arguments of a function which stands for a `custom` tool. A model that writes
    /// something else is taken at its word.
    pub(super) fn free_text(&self) -> String {
        match serde_json::from_str::<Value>(&self.arguments) {
            Ok(Value::Object(map)) => match map.get(CUSTOM_INPUT).and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => self.arguments.clone(),
            },
            _ => self.arguments.clone(),
        }
    }
}

// === how they are written ===

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ItemJson<'a> {
    Reasoning {
        id: String,
        summary: Vec<SummaryJson<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<PartJson<'a>>,
    },
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        arguments: &'a str,
    },
    CustomToolCall {
        id: String,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<&'a str>,
        input: String,
    },
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    r#type: &'static str,
    text: &'a str,
}

/// One `output_text`.
#[derive(Serialize)]
struct PartJson<'a> {
    r#type: &'static str,
    annotations: Vec<Value>,
    logprobs: [(); 0],
    text: &'a str,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It begins, and is shown empty.
    Begun,
    /// It is whole.
    Whole,
    /// It was cut off.
    Cut,
}

impl Progress {
    const fn status(self) -> &'static str {
        match self {
            Self::Begun => "in_progress",
            Self::Whole => "completed",
            Self::Cut => "incomplete",
        }
    }
}

impl Shown<'_> {
    /// Writes an item.
    pub(super) fn put(self, out: &mut BytesMut, index: usize, item: &OutputItem, progress: Progress) {
        let (id, status, begun) = (self.id(index, item), progress.status(), progress == Progress::Begun);
        let json = match item {
            OutputItem::Reasoning(thought) => ItemJson::Reasoning {
                id,
                summary: if begun { Vec::new() } else { summary(thought) },
                encrypted_content: self
                    .seal_for
                    .filter(|_| !begun)
                    .map(|model| envelope::seal(model, std::slice::from_ref(thought))),
            },
            OutputItem::Message(parts) => {
                let content = if begun { Vec::new() } else { parts.iter().map(part).collect() };
                ItemJson::Message { id, status, role: "assistant", content }
            }
            OutputItem::Call(call) => {
                let tool = self.tools.tool(&call.name);
                let (call_id, name, namespace) = (&*call.id, tool.name, tool.namespace);
                if tool.custom {
                    let input = if begun { String::new() } else { call.free_text() };
                    ItemJson::CustomToolCall { id, status, call_id, name, namespace, input }
                } else {
                    let arguments = if begun { "" } else { &call.arguments };
                    ItemJson::FunctionCall { id, status, call_id, name, namespace, arguments }
                }
            }
        };
        put_json(out, &json);
    }

    /// The id of an item: that of its response, and its number there, so that it can be found again.
    pub(super) fn id(self, index: usize, item: &OutputItem) -> String {
        let prefix = match item {
            OutputItem::Reasoning(_) => "rs",
            OutputItem::Message(_) => "msg",
            OutputItem::Call(call) if self.tools.tool(&call.name).custom => "ctc",
            OutputItem::Call(_) => "fc",
        };
        item_id(prefix, self.response, index)
    }
}

/// An item's id: what it is, whose it is, which it is.
pub(super) fn item_id(prefix: &str, response: ResponseId, index: usize) -> String {
    format!("{prefix}_{}{index:04x}", response.uuid().as_simple())
}

/// Writes one `output_text`.
pub(super) fn put_part(out: &mut BytesMut, text: &TextPart) {
    put_json(out, &part(text));
}

fn part(part: &TextPart) -> PartJson<'_> {
    PartJson { r#type: "output_text", annotations: part.annotations(), logprobs: [], text: &part.text }
}

fn summary(thought: &Reasoning) -> Vec<SummaryJson<'_>> {
    match thought {
        Reasoning::Text { text, .. } if !text.is_empty() => {
            vec![SummaryJson { r#type: "summary_text", text }]
        }
        _ => Vec::new(),
    }
}

/// The structs above have only string keys and no fallible field, so that this cannot fail.
pub(super) fn put_json(out: &mut BytesMut, json: &impl Serialize) {
    use bytes::BufMut as _;
    let _ = serde_json::to_writer(out.writer(), json);
}
