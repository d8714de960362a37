//! What Claude refuses of the blocks of a message, in Anthropic's words.

use super::anthropic::{Block, CacheControl, Content, Request};
use crate::answer::{is_redacted, signature};
use crate::converse::validate;
use crate::errors::Refusal;
use crate::models::Model;

/// Checks the blocks of the message at `at`.
pub(super) fn blocks(
    model: &Model,
    request: &Request<'_>,
    at: usize,
    role: &str,
    blocks: &[Block<'_>],
    thinking: bool,
) -> Result<(), Refusal> {
    for (index, block) in blocks.iter().enumerate() {
        let path = format!("messages.{at}.content.{index}");
        let refuse = |message: String| Err(Refusal::validation(message));
        cache_control(block, &path)?;
        match &*block.r#type {
            "text" => text(block, &path)?,
            "tool_use" | "tool_result" if request.tools.is_none() => {
                return refuse(
                    "Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned(),
                );
            }
            "tool_use" => tool_use(block, role, &path)?,
            "tool_result" if role != "user" => {
                return refuse(format!("{path}: `tool_result` blocks can only be in `user` messages"));
            }
            "thinking" if thinking => thought(block, &path)?,
            "tool_result" => tool_result(model, block, &path)?,
            "redacted_thinking" if thinking && !block.data.as_deref().is_some_and(is_redacted) => {
                return refuse(format!("{path}: Invalid `data` in `redacted_thinking` block"));
            }
            "image" => image(model, block, &path)?,
            "document" if role != "user" => {
                return refuse(format!("{path}: `document` blocks can only be in `user` messages"));
            }
            "document" => document(block, &path)?,
            "thinking"
            | "redacted_thinking"
            | "search_result"
            | "server_tool_use"
            | "web_search_tool_result"
            | "container_upload" => {}
            other => {
                return refuse(format!(
                    "{path}: Input tag '{other}' found using 'type' does not match any of the expected tags"
                ));
            }
        }
    }
    Ok(())
}

fn text(block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    let why = match block.text.as_deref() {
        None => format!("{path}.text.text: Field required"),
        Some("") => "messages: text content blocks must be non-empty".to_owned(),
        Some(text) if text.trim().is_empty() => {
            "messages: text content blocks must contain non-whitespace text".to_owned()
        }
        Some(_) => return Ok(()),
    };
    Err(Refusal::validation(why))
}

fn thought(block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    let why = match block.signature.as_deref() {
        None => format!("{path}.thinking.signature: Field required"),
        Some(it) if it != signature(block.thinking.as_deref().unwrap_or_default()) => {
            format!("{path}: Invalid `signature` in `thinking` block")
        }
        Some(_) => return Ok(()),
    };
    Err(Refusal::validation(why))
}

fn tool_use(block: &Block<'_>, role: &str, path: &str) -> Result<(), Refusal> {
    if role != "assistant" {
        return Err(Refusal::validation(format!(
            "{path}: `tool_use` blocks can only be in `assistant` messages"
        )));
    }
    let id = block.id.as_deref().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it)) {
        return Err(Refusal::validation(format!(
            "{path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        )));
    }
    if !block.input.is_some_and(|it| it.get().starts_with('{')) {
        return Err(Refusal::validation(format!(
            "{path}.tool_use.input: Input should be a valid dictionary"
        )));
    }
    Ok(())
}

/// Only some blocks can be marked, and only in one way.
fn cache_control(block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    let Some(control) = &block.cache_control else { return Ok(()) };
    let kind = &*block.r#type;
    if matches!(kind, "thinking" | "redacted_thinking") {
        return Err(Refusal::validation(format!(
            "{path}.{kind}.cache_control: Extra inputs are not permitted"
        )));
    }
    control_itself(control, &format!("{path}.{kind}"))
}

/// The marker's own form.
pub(super) fn control_itself(control: &CacheControl<'_>, path: &str) -> Result<(), Refusal> {
    if &*control.r#type != "ephemeral" {
        return Err(Refusal::validation(format!(
            "{path}.cache_control: Input tag '{}' found using 'type' does not match any of the expected tags: 'ephemeral'",
            &*control.r#type
        )));
    }
    if control.ttl.as_deref().is_some_and(|it| it != "5m" && it != "1h") {
        return Err(Refusal::validation(format!(
            "{path}.cache_control.ephemeral.ttl: Input should be '5m' or '1h'"
        )));
    }
    Ok(())
}

fn tool_result(model: &Model, block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    for (at, part) in block.content.iter().flat_map(Content::blocks).enumerate() {
        let path = format!("{path}.tool_result.content.{at}");
        cache_control(part, &path)?;
        match &*part.r#type {
            "text" | "search_result" | "tool_reference" => {}
            "image" => image(model, part, &path)?,
            "document" => document(part, &path)?,
            other => {
                return Err(Refusal::validation(format!(
                    "{path}: Input tag '{other}' found using 'type' does not match any of the expected tags"
                )));
            }
        }
    }
    Ok(())
}

fn document(block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    let source = block
        .source
        .as_ref()
        .ok_or_else(|| Refusal::validation(format!("{path}.document.source: Field required")))?;
    let data = source.data.as_deref();
    let why = match (&*source.r#type, source.media_type.as_deref()) {
        ("content", _) => return Ok(()),
        ("text", Some("text/plain")) if data.is_some() => return Ok(()),
        ("base64", Some("application/pdf")) => match data.map(validate::media::sniff) {
            Some(Some("pdf")) => return Ok(()),
            _ => ".base64.data: The PDF specified was not valid.",
        },
        ("base64", _) => ".base64.media_type: Input should be 'application/pdf'",
        ("text", _) => ".text.media_type: Input should be 'text/plain'",
        // Bedrock fetches nothing: no URLs, no file ids.
        _ => ".type: this source is not supported on Bedrock; use 'base64', 'text' or 'content'",
    };
    Err(Refusal::validation(format!("{path}.document.source{why}")))
}

fn image(model: &Model, block: &Block<'_>, path: &str) -> Result<(), Refusal> {
    if !model.takes("IMAGE") {
        return Err(Refusal::validation(format!("{path}: this model does not support images")));
    }
    let source = block
        .source
        .as_ref()
        .ok_or_else(|| Refusal::validation(format!("{path}.image.source: Field required")))?;
    // Bedrock fetches nothing: no URLs, no file ids.
    if &*source.r#type != "base64" {
        return Err(Refusal::validation(format!(
            "{path}.image.source.type: '{}' is not supported on Bedrock; use 'base64'",
            &*source.r#type
        )));
    }
    let data = source.data.as_deref().unwrap_or_default();
    let sniffed = validate::media::sniff(data);
    match (validate::media::decoded_len(data), sniffed, source.media_type.as_deref()) {
        (None | Some(0), ..) => {
            Err(Refusal::validation(format!("{path}.image.source.base64.data: invalid base64 data")))
        }
        (_, None | Some("pdf"), _) => Err(Refusal::validation("Could not process image")),
        (_, Some(found), Some(stated)) if stated.strip_prefix("image/") != Some(found) => {
            Err(Refusal::validation(format!(
                "{path}.image.source.base64: The image was specified using the {stated} media type, but the image appears to be a image/{found} image"
            )))
        }
        (_, _, None) => {
            Err(Refusal::validation(format!("{path}.image.source.base64.media_type: Field required")))
        }
        _ => Ok(()),
    }
}
