//! What is kept of a request and its response, and how it is shown again.

use std::collections::{HashMap, HashSet};

use outcrop_chat::InvalidRequest;
use outcrop_types::{ResponseId, StoredResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::output::item_id;
use crate::error::to_vec;
use crate::json::shorten;

/// The number of the first input item among the ids of a response; below are those of its output.
const FIRST_INPUT: usize = 0x8000;

/// Nothing, for what has no such field.
static NOTHING: Value = Value::Array(Vec::new());

/// What a request needs of earlier responses.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    /// The one it continues.
    pub previous: Option<StoredResponse>,
    /// The items it takes of others, by their ids: see [`take`].
    pub items: HashMap<String, Value>,
}

/// The kept items by their ids: a request may name thousands, so that each is looked up in one step.
pub(super) struct Items<'a>(HashMap<&'a str, &'a Value>);

impl<'a> Items<'a> {
    pub(super) fn of(earlier: &'a Earlier) -> Self {
        let mut items: HashMap<&str, &Value> = earlier.items.iter().map(|(id, it)| (&**id, it)).collect();
        for (id, item) in earlier.previous.iter().flat_map(named) {
            items.entry(id).or_insert(item);
        }
        Self(items)
    }

    pub(super) fn get(&self, id: &str) -> Option<&'a Value> {
        self.0.get(id).copied()
    }
}

/// A response's items that have an id of ours: its output, and what it answered.
fn named(response: &StoredResponse) -> impl Iterator<Item = (&str, &Value)> {
    let items = [output(response), &response.input].into_iter().filter_map(Value::as_array).flatten();
    items.filter_map(|item| item["id"].as_str().filter(|id| response_of(id).is_some()).map(|id| (id, item)))
}

/// Strikes out the ids of items that the response holds.
pub fn strike(response: &StoredResponse, missing: &mut HashSet<String>) {
    for (id, _) in named(response) {
        missing.remove(id);
    }
}

/// Takes out of a response the items whose ids are missing, and strikes the ids out. The input of a response holds what
/// it answered whole, so that the latest of a conversation often has them all.
pub fn take(mut response: StoredResponse, missing: &mut HashSet<String>) -> Vec<(String, Value)> {
    let output = response.response.get_mut("output").map(Value::take).unwrap_or_default();
    let mut taken = Vec::new();
    for items in [output, response.input] {
        let Value::Array(items) = items else { continue };
        for item in items {
            if let Some(id) = item["id"].as_str().and_then(|id| missing.take(id)) {
                taken.push((id, item));
            }
        }
    }
    taken
}

/// The response that an item belongs to, by the item's id.
pub(super) fn response_of(item: &str) -> Option<ResponseId> {
    let (_, rest) = item.split_once('_')?;
    let hex = rest.get(..32).filter(|_| rest.len() == 36)?;
    Uuid::try_parse(hex).ok().map(ResponseId::new)
}

/// `output` of a kept response.
pub(super) fn output(response: &StoredResponse) -> &Value {
    response.response.get("output").unwrap_or(&NOTHING)
}

pub(super) fn no_item(at: usize, id: Option<&str>) -> InvalidRequest {
    let message = format!("Item with id '{}' not found.", shorten(id.unwrap_or_default()));
    InvalidRequest::new(format!("input[{at}].id"), message)
}

/// The first item that is more than may be taken of earlier responses.
#[must_use]
pub fn too_much(at: usize) -> InvalidRequest {
    let param = format!("input[{at}].id");
    let message =
        format!("`{param}`: the items referred to are too long together; send what is needed of them.");
    InvalidRequest::new(param, message)
}

/// What was kept by another version of this program.
pub(super) fn unreadable() -> InvalidRequest {
    InvalidRequest::new("previous_response_id", "The earlier response cannot be continued.")
}

/// All that a response answered: the items of the one it continues, that one's output, and the input of this request,
/// each item with an id.
///
/// # Errors
/// [`InvalidRequest`] when the body is not one that was translated.
pub fn input(body: &[u8], id: ResponseId, earlier: &Earlier) -> Result<Value, InvalidRequest> {
    #[derive(Deserialize)]
    struct OnlyInput {
        input: Option<Value>,
    }

    let mut items = Vec::new();
    if let Some(previous) = &earlier.previous {
        items.extend(
            [&previous.input, output(previous)].into_iter().filter_map(Value::as_array).flatten().cloned(),
        );
    }
    let given = match crate::json::parse::<OnlyInput>(body)?.input {
        Some(Value::String(text)) => vec![json!({ "role": "user", "content": text })],
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let kept = Items::of(earlier);
    for (at, item) in given.into_iter().enumerate() {
        let referred = item["id"].as_str().and_then(|id| kept.get(id)).cloned();
        items.push(match (referred, item) {
            (Some(found), _) => found,
            (None, Value::Object(item)) => completed(item, id, at),
            (None, other) => other,
        });
    }
    Ok(Value::Array(items))
}

/// An item as OpenAI shows it: with its type, an id, its content in parts.
fn completed(mut item: Map<String, Value>, response: ResponseId, at: usize) -> Value {
    let kind = item.entry("type").or_insert_with(|| "message".into()).as_str().unwrap_or_default().to_owned();
    let prefix = match &*kind {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        _ => "rs",
    };
    if item.get("id").is_none_or(Value::is_null) {
        item.insert("id".into(), item_id(prefix, response, FIRST_INPUT + at).into());
    }
    if kind == "message" {
        let spoken = item.get("role").is_some_and(|role| role == "assistant");
        if let Some(Value::String(text)) = item.get("content") {
            let part = if spoken {
                json!({ "type": "output_text", "text": text, "annotations": [] })
            } else {
                json!({ "type": "input_text", "text": text })
            };
            item.insert("content".into(), json!([part]));
        }
    }
    if kind != "reasoning" {
        item.entry("status").or_insert_with(|| "completed".into());
    }
    Value::Object(item)
}

/// The body of `GET /v1/responses/{id}`; thoughts show their envelopes only where asked for.
#[must_use]
pub fn object(response: &StoredResponse, encrypted: bool) -> Vec<u8> {
    let mut shown = response.response.clone();
    if let Some(Value::Array(items)) = shown.get_mut("output") {
        items.iter_mut().for_each(|item| hide(item, encrypted));
    }
    to_vec(&shown)
}

fn hide(item: &mut Value, encrypted: bool) {
    if let Some(item) = item.as_object_mut().filter(|_| !encrypted) {
        item.remove("encrypted_content");
    }
}

/// The body of `DELETE /v1/responses/{id}`.
#[must_use]
pub fn deleted(id: ResponseId) -> Vec<u8> {
    to_vec(&json!({ "id": id, "object": "response", "deleted": true }))
}

/// The body of `POST /v1/responses/input_tokens`.
#[must_use]
pub fn counted(tokens: u64) -> Vec<u8> {
    to_vec(&json!({ "object": "response.input_tokens", "input_tokens": tokens }))
}

/// Which page of the input items.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Whether the oldest come first.
    pub ascending: bool,
    /// The last id of the page before.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: usize,
    /// Whether thoughts show their envelopes.
    pub encrypted: bool,
}

/// The body of `GET /v1/responses/{id}/input_items`.
///
/// # Errors
/// [`InvalidRequest`] when there is no item with the id in `after`.
pub fn list(response: &StoredResponse, page: Page<'_>) -> Result<Vec<u8>, InvalidRequest> {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: &'a [Value],
        first_id: &'a Value,
        last_id: &'a Value,
        has_more: bool,
    }

    let mut items = response.input.as_array().cloned().unwrap_or_default();
    if !page.ascending {
        items.reverse();
    }
    if let Some(after) = page.after {
        let at = items.iter().position(|item| item["id"] == after).ok_or_else(|| {
            InvalidRequest::new("after", format!("`after` is `{}`, which is no item here.", shorten(after)))
        })?;
        items.drain(..=at);
    }
    let has_more = items.len() > page.limit;
    items.truncate(page.limit);
    items.iter_mut().for_each(|item| hide(item, page.encrypted));
    let id = |item: Option<&'_ Value>| item.map_or(Value::Null, |it| it["id"].clone());
    let (first, last) = (id(items.first()), id(items.last()));
    Ok(to_vec(&List { object: "list", data: &items, first_id: &first, last_id: &last, has_more }))
}

/// How many bytes of JSON the input is.
#[must_use]
pub fn size(input: &Value) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // Counting does not fail, and a value is always JSON.
    let _ = serde_json::to_writer(&mut count, input);
    count.0
}
