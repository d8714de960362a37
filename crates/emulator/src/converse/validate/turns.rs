//! Tool calls and their results: form, and that each call has its result.

use super::super::request::{Block, ResultBlock, ToolResult, ToolUse};
use super::media::{self, Medium};
use super::{blank, tool_name};
use crate::errors::Refusal;
use crate::models::{Capability, Model};

/// The id of a call: 1 to 64 of `[a-zA-Z0-9_.:-]`.
fn tool_use_id(path: &str, id: Option<&str>) -> Result<(), Refusal> {
    let id = id.ok_or_else(|| Refusal::missing(path))?;
    let constraint = match id.len() {
        0 => "Member must have length greater than or equal to 1",
        65.. => "Member must have length less than or equal to 64",
        _ if !id.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.:-".contains(&it)) => {
            "Member must satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"
        }
        _ => return Ok(()),
    };
    Err(Refusal::constraint(path, Some(id), constraint))
}

pub(super) fn tool_use(role: &str, call: &ToolUse<'_>, path: &str) -> Result<(), Refusal> {
    if role != "assistant" {
        return Err(Refusal::validation(format!(
            "The toolUse block at {path} is only allowed in a message with the assistant role."
        )));
    }
    tool_use_id(&format!("{path}.toolUse.toolUseId"), call.tool_use_id.as_deref())?;
    tool_name(&format!("{path}.toolUse.name"), call.name.as_deref())?;
    let input = call.input.ok_or_else(|| Refusal::missing(&format!("{path}.toolUse.input")))?;
    if !input.get().starts_with('{') {
        return Err(Refusal::validation(format!(
            "The format of the value at {path}.toolUse.input is invalid. Provide a json object for the field and try again."
        )));
    }
    Ok(())
}

pub(super) fn tool_result(
    model: &Model,
    role: &str,
    result: &ToolResult<'_>,
    path: &str,
) -> Result<(), Refusal> {
    if role != "user" {
        return Err(Refusal::validation(format!(
            "The toolResult block at {path} is only allowed in a message with the user role."
        )));
    }
    tool_use_id(&format!("{path}.toolResult.toolUseId"), result.tool_use_id.as_deref())?;
    let blocks =
        result.content.as_deref().ok_or_else(|| Refusal::missing(&format!("{path}.toolResult.content")))?;
    if let Some(status) = result.status.as_deref().filter(|it| !["success", "error"].contains(it)) {
        let text = "Member must satisfy enum value set: [success, error]";
        return Err(Refusal::constraint(&format!("{path}.toolResult.status"), Some(status), text));
    }
    for (index, block) in blocks.iter().enumerate() {
        let path = format!("{path}.toolResult.content.{index}");
        match block {
            ResultBlock::Image(_) if !model.can(Capability::ToolResultImages) => {
                return Err(Refusal::validation(format!(
                    "This model doesn't support the image content block that you provided at {path}. Remove it and try again."
                )));
            }
            ResultBlock::Image(it) => media::check(model, Medium::Image, it, &path)?,
            ResultBlock::Document(it) => media::check(model, Medium::Document, it, &path)?,
            ResultBlock::Video(it) => media::check(model, Medium::Video, it, &path)?,
            ResultBlock::Text(text) if blank(text) && model.is_claude() && !text.is_empty() => {
                return Err(Refusal::validation(format!(
                    "The text field in the ToolResultContentBlock object at {path} is blank. Add text to the text field, and try again."
                )));
            }
            ResultBlock::Json(json) if !json.get().starts_with('{') => {
                return Err(Refusal::validation(format!(
                    "The format of the value at {path}.json is invalid. Provide a json object for the field and try again."
                )));
            }
            ResultBlock::Unknown => {
                return Err(Refusal::validation(format!(
                    "The ToolResultContentBlock object at {path} must set one of the following keys: json, text, image, document, video, searchResult."
                )));
            }
            ResultBlock::Text(_) | ResultBlock::Json(_) | ResultBlock::SearchResult(_) => {}
        }
    }
    Ok(())
}

/// The ids an assistant message calls with, each once.
pub(super) fn uses<'a>(at: usize, blocks: &'a [Block<'a>]) -> Result<Vec<&'a str>, Refusal> {
    let mut ids = Vec::new();
    for block in blocks {
        let Block::ToolUse(call) = block else { continue };
        let id = call.tool_use_id.as_deref().unwrap_or_default();
        if ids.contains(&id) {
            return Err(Refusal::validation(format!(
                "The toolUse blocks at messages.{at}.content contain duplicate Ids: {id}"
            )));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// The results of a user message answer exactly the calls before it, and come first in it.
pub(super) fn results(at: usize, blocks: &[Block<'_>], pending: &[&str]) -> Result<(), Refusal> {
    let mut ids = Vec::new();
    let mut other_came = false;
    for (index, block) in blocks.iter().enumerate() {
        let Block::ToolResult(result) = block else {
            other_came |= !matches!(block, Block::CachePoint(_));
            continue;
        };
        if other_came {
            return Err(Refusal::model(format_args!(
                "messages.{at}.content.{index}: `tool_result` blocks must come first in the content of their message"
            )));
        }
        let id = result.tool_use_id.as_deref().unwrap_or_default();
        if ids.contains(&id) {
            return Err(Refusal::validation(format!(
                "The toolResult blocks at messages.{at}.content contain duplicate Ids: {id}"
            )));
        }
        ids.push(id);
    }
    if ids.len() > pending.len() {
        return Err(Refusal::validation(format!(
            "The number of toolResult blocks at messages.{at}.content exceeds the number of toolUse blocks of previous turn."
        )));
    }
    let missing: Vec<_> = pending.iter().copied().filter(|it| !ids.contains(it)).collect();
    if missing.is_empty() { Ok(()) } else { Err(expected_results(at, &missing)) }
}

pub(super) fn expected_results(at: usize, ids: &[&str]) -> Refusal {
    Refusal::validation(format!(
        "Expected toolResult blocks at messages.{at}.content for the following Ids: {}",
        ids.join(", ")
    ))
}
