//! What Claude refuses of an InvokeModel body, in Anthropic's words. (Its blocks: `anthropic_blocks.rs`; the names of
//! its fields and betas: `anthropic_fields.rs`.)

use super::anthropic::{Block, Content, Message, Request};
use super::anthropic_blocks::{blocks, control_itself};
use super::anthropic_fields;
use crate::converse::validate;
use crate::errors::Refusal;
use crate::models::{Capability, Model};

const MAX_CACHE_CONTROLS: usize = 4;

/// Checks a body; whether it turns thinking on.
pub(crate) fn check(model: &Model, request: &Request<'_>) -> Result<bool, Refusal> {
    let refuse = |message: &'static str| Err(Refusal::validation(message));
    anthropic_fields::betas(model, request)?;
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
    let marks = super::anthropic::weigh(model, request).1;
    if marks.len() > MAX_CACHE_CONTROLS {
        return Err(Refusal::validation(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {}.",
            marks.len()
        )));
    }
    if marks.iter().any(|it| it.one_hour) && !model.can(Capability::OneHourCache) {
        return refuse("cache_control.ephemeral.ttl: Extra inputs are not permitted");
    }
    if marks.windows(2).any(|it| it[1].one_hour && !it[0].one_hour) {
        return refuse(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
        );
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
        if let Some(control) = &tool.cache_control {
            control_itself(control, &format!("tools.{at}.custom"))?;
        }
        if tool.strict == Some(true) && !model.can(Capability::StructuredOutput) {
            return Err(Refusal::validation(format!(
                "tools.{at}.custom.strict: not supported by this model"
            )));
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
    // Where the model decides how much it thinks, it may have called a tool without a thought.
    let budgeted = request.thinking.as_ref().is_some_and(|it| it.r#type == "enabled");
    if thinking && budgeted {
        begins_with_thought(messages)?;
    }
    last(model, messages)
}

/// While thinking is on, an assistant's turn that called a tool and is answered now begins with its thoughts.
fn begins_with_thought(messages: &[Message<'_>]) -> Result<(), Refusal> {
    let [.., before, last] = messages else { return Ok(()) };
    let blocks = |message: &Message<'_>| {
        message.content.iter().flat_map(Content::blocks).map(|it| it.r#type.to_string()).collect::<Vec<_>>()
    };
    let answers = blocks(last).iter().any(|it| it == "tool_result");
    match blocks(before).first() {
        Some(first) if answers && first != "thinking" && first != "redacted_thinking" => {
            Err(Refusal::validation(format!(
                "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).",
                messages.len() - 2
            )))
        }
        _ => Ok(()),
    }
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
