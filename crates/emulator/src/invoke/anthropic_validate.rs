//! What Claude refuses of an InvokeModel body, in Anthropic's words.

use super::anthropic::{Block, Content, Message, Request};
use crate::answer::signature;
use crate::converse::validate;
use crate::errors::Refusal;
use crate::models::{Capability, Model};

const MAX_CACHE_CONTROLS: usize = 4;

/// Checks a body; whether it turns thinking on.
pub(crate) fn check(model: &Model, request: &Request<'_>) -> Result<bool, Refusal> {
    let refuse = |message: &'static str| Err(Refusal::validation(message));
    if request.model.is_some() {
        return refuse("model: Extra inputs are not permitted");
    }
    if request.stream.is_some() {
        return refuse("stream: Extra inputs are not permitted");
    }
    match request.anthropic_version.as_deref() {
        None => return refuse("anthropic_version: Field required"),
        Some("bedrock-2023-05-31") => {}
        // The version of 2026 is for the models that no longer take sampling parameters.
        Some("2026-10-21") if !model.can(Capability::Sampling) => {}
        Some(other) => {
            return Err(Refusal::validation(format!(
                "anthropic_version: \"{other}\" is not supported by this model"
            )));
        }
    }
    let max_tokens = match request.max_tokens {
        None => return refuse("max_tokens: Field required"),
        Some(..1) => return refuse("max_tokens: Input should be greater than or equal to 1"),
        Some(max) if max as u64 > model.max_output_tokens => {
            return Err(Refusal::validation(format!(
                "max_tokens: {max} > {}, which is the maximum allowed number of output tokens for {}",
                model.max_output_tokens,
                super::anthropic_encode::model_name(model)
            )));
        }
        Some(max) => max as u64,
    };
    sampling(model, request)?;
    let thinking = match &request.thinking {
        None => false,
        Some(it) => {
            validate::thinking(model, it, max_tokens, request.temperature, request.top_p).map_err(plain)?
        }
    };
    tools(model, request, thinking)?;
    messages(model, request, thinking)?;
    if super::anthropic::weigh(model, request).1.len() > MAX_CACHE_CONTROLS {
        return refuse("A maximum of 4 blocks with cache_control may be provided.");
    }
    if request.output_config.as_ref().is_some_and(|it| it.format.is_some())
        && !model.can(Capability::StructuredOutput)
    {
        return refuse("output_config.format: structured output is not supported by this model");
    }
    Ok(thinking)
}

/// The same refusal without Converse's words around it.
fn plain(refusal: Refusal) -> Refusal {
    let message =
        refusal.message.strip_prefix("The model returned the following errors: ").map(str::to_owned);
    Refusal { message: message.map_or(refusal.message, Into::into), ..refusal }
}

fn sampling(model: &Model, request: &Request<'_>) -> Result<(), Refusal> {
    let fields = [
        ("temperature", request.temperature.is_some()),
        ("top_p", request.top_p.is_some()),
        ("top_k", request.top_k.is_some()),
    ];
    if !model.can(Capability::Sampling)
        && let Some((name, _)) = fields.iter().find(|it| it.1)
    {
        return Err(Refusal::validation(format!("`{name}` is deprecated for this model.")));
    }
    for (name, value) in [("temperature", request.temperature), ("top_p", request.top_p)] {
        if value.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            return Err(Refusal::validation(format!("{name}: range: 0..1")));
        }
    }
    if model.can(Capability::ExclusiveSampling) && request.temperature.is_some() && request.top_p.is_some() {
        return Err(Refusal::validation(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    if request.stop_sequences.iter().flatten().any(|it| it.trim().is_empty()) {
        return Err(Refusal::validation("stop_sequences: each stop sequence must contain non-whitespace"));
    }
    Ok(())
}

fn tools(model: &Model, request: &Request<'_>, thinking: bool) -> Result<(), Refusal> {
    let tools = request.tools.as_deref().unwrap_or_default();
    for (at, tool) in tools.iter().enumerate() {
        let name = tool.name.as_deref().unwrap_or_default();
        if validate::tool_name("name", Some(name)).is_err() {
            return Err(Refusal::validation(format!(
                "tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
            )));
        }
        // Server and client tools of Anthropic's own have a type and no schema.
        let custom = tool.r#type.as_deref().is_none_or(|it| it == "custom");
        if custom && !tool.input_schema.is_some_and(|it| it.get().starts_with('{')) {
            return Err(Refusal::validation(format!("tools.{at}.custom.input_schema: Field required")));
        }
        if tools[..at].iter().any(|it| it.name.as_deref() == Some(name)) {
            return Err(Refusal::validation("tools: Tool names must be unique."));
        }
    }
    let Some(choice) = &request.tool_choice else { return Ok(()) };
    let kind = &*choice.r#type;
    if !["auto", "any", "tool", "none"].contains(&kind) {
        return Err(Refusal::validation(format!(
            "tool_choice: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )));
    }
    if tools.is_empty() {
        return Err(Refusal::validation("tool_choice may only be specified while providing tools."));
    }
    let forced = kind == "any" || kind == "tool";
    if forced && !model.can(Capability::ForcedToolChoice) {
        return Err(Refusal::validation(format!(
            "tool_choice.type: '{kind}' is not supported for this model"
        )));
    }
    if forced && thinking {
        return Err(Refusal::validation("Thinking may not be enabled when tool_choice forces tool use."));
    }
    if kind == "tool" && !tools.iter().any(|it| it.name.as_deref() == choice.name.as_deref()) {
        return Err(Refusal::validation(format!(
            "Tool '{}' not found in provided tools",
            choice.name.as_deref().unwrap_or_default()
        )));
    }
    Ok(())
}

fn messages(model: &Model, request: &Request<'_>, thinking: bool) -> Result<(), Refusal> {
    let messages =
        request.messages.as_deref().ok_or_else(|| Refusal::validation("messages: Field required"))?;
    if messages.is_empty() {
        return Err(Refusal::validation("messages: at least one message is required"));
    }
    let mut pending: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message.role.as_deref().unwrap_or_default();
        let known = match role {
            "user" | "assistant" => true,
            "system" => model.can(Capability::MidConversationSystem),
            _ => false,
        };
        if !known {
            return Err(Refusal::validation(format!(
                "messages.{at}.role: Input should be 'user' or 'assistant'"
            )));
        }
        if at == 0 && role != "user" {
            return Err(Refusal::validation("messages: first message must use the \"user\" role"));
        }
        let Some(content) = &message.content else {
            return Err(Refusal::validation(format!("messages.{at}.content: Field required")));
        };
        let is_last = at + 1 == messages.len();
        let empty = match content {
            Content::Text(text) => text.is_empty(),
            Content::Blocks(blocks) => blocks.is_empty(),
        };
        if empty && !(is_last && role == "assistant") {
            return Err(Refusal::validation(format!(
                "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
            )));
        }
        blocks(model, request, at, role, content.blocks(), thinking)?;
        if role == "system" {
            continue;
        }
        results(at, content.blocks(), &std::mem::take(&mut pending))?;
        pending = content
            .blocks()
            .iter()
            .filter(|it| &*it.r#type == "tool_use")
            .filter_map(|it| it.id.as_deref())
            .collect();
        if (1..pending.len()).any(|at| pending[..at].contains(&pending[at])) {
            return Err(Refusal::validation(format!("messages.{at}: `tool_use` ids must be unique")));
        }
    }
    if !pending.is_empty() {
        return Err(unanswered(messages.len() - 1, &pending));
    }
    last(model, messages)
}

fn last(model: &Model, messages: &[Message<'_>]) -> Result<(), Refusal> {
    let Some(last) = messages.last().filter(|it| it.role.as_deref() == Some("assistant")) else {
        return Ok(());
    };
    if !model.can(Capability::Prefill) {
        return Err(Refusal::validation(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    let text = match &last.content {
        Some(Content::Text(text)) => Some(&**text),
        Some(Content::Blocks(blocks)) => blocks.last().and_then(|it| it.text.as_deref()),
        None => None,
    };
    if text.is_some_and(|it| it.ends_with(char::is_whitespace)) {
        return Err(Refusal::validation(
            "messages: final assistant content cannot end with trailing whitespace",
        ));
    }
    Ok(())
}

fn blocks(
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
        match &*block.r#type {
            "text" => match block.text.as_deref() {
                None => return refuse(format!("{path}.text.text: Field required")),
                Some("") => return refuse("messages: text content blocks must be non-empty".to_owned()),
                Some(text) if text.trim().is_empty() => {
                    return refuse(
                        "messages: text content blocks must contain non-whitespace text".to_owned(),
                    );
                }
                Some(_) => {}
            },
            "tool_use" | "tool_result" if request.tools.is_none() => {
                return refuse(
                    "Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned(),
                );
            }
            "tool_use" => tool_use(block, role, &path)?,
            "tool_result" if role != "user" => {
                return refuse(format!("{path}: `tool_result` blocks can only be in `user` messages"));
            }
            "thinking" if thinking => match block.signature.as_deref() {
                None => return refuse(format!("{path}.thinking.signature: Field required")),
                Some(it) if it != signature(block.thinking.as_deref().unwrap_or_default()) => {
                    return refuse(format!("{path}: Invalid `signature` in `thinking` block"));
                }
                Some(_) => {}
            },
            "image" => image(model, block, &path)?,
            "document" if role != "user" => {
                return refuse(format!("{path}: `document` blocks can only be in `user` messages"));
            }
            "tool_result"
            | "thinking"
            | "redacted_thinking"
            | "document"
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

/// Results answer the calls of the message before, and only those.
fn results(at: usize, blocks: &[Block<'_>], pending: &[&str]) -> Result<(), Refusal> {
    let ids: Vec<_> = blocks
        .iter()
        .filter(|it| &*it.r#type == "tool_result")
        .filter_map(|it| it.tool_use_id.as_deref())
        .collect();
    if let Some((index, id)) = ids.iter().enumerate().find(|(_, it)| !pending.contains(it)) {
        return Err(Refusal::validation(format!(
            "messages.{at}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have \
             a corresponding `tool_use` block in the previous message."
        )));
    }
    let missing: Vec<_> = pending.iter().copied().filter(|it| !ids.contains(it)).collect();
    if missing.is_empty() { Ok(()) } else { Err(unanswered(at.saturating_sub(1), &missing)) }
}

fn unanswered(at: usize, ids: &[&str]) -> Refusal {
    Refusal::validation(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a \
         corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}
