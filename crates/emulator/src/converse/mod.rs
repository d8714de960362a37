//! Converse and ConverseStream.

pub(crate) mod count;
pub(crate) mod encode;
pub(crate) mod extra;
pub(crate) mod request;
pub(crate) mod validate;

use crate::answer::{Choice, Prompt, PromptTool, ToolAnswer};
use crate::cache::PromptCache;
use crate::errors::Refusal;
use crate::models::Model;
use request::{Block, Message, Request, ResultBlock, Str, SystemBlock, Tool, ToolChoice};
use std::borrow::Cow;

/// Validates a request and reduces it to what its answer depends on.
pub(crate) fn prompt<'a>(
    model: &'a Model,
    request: &'a Request<'a>,
    cache: &PromptCache,
) -> Result<Prompt<'a>, Refusal> {
    let checked = validate::check(model, request)?;
    let weight = count::weigh(&model.id, request);
    if weight.tokens > model.context_tokens {
        return Err(Refusal::validation("Input is too long for requested model."));
    }
    let messages = request.messages.as_deref().unwrap_or_default();
    let last = last_user(messages);
    let inference = request.inference_config.as_ref();
    let schema = request.output_config.as_ref().and_then(|it| it.text_format.as_ref());
    let schema = schema.and_then(|it| it.structure.as_ref()?.json_schema.as_ref()?.schema.as_deref());
    Ok(Prompt {
        model,
        user: joined(last.iter().filter_map(|it| match it {
            Block::Text(text) => Some(&**text),
            _ => None,
        })),
        system: joined(request.system.iter().flatten().filter_map(|it| match it {
            SystemBlock::Text(text) => Some(&**text),
            _ => None,
        })),
        results: results(messages, last),
        tools: tools(request),
        choice: match request.tool_config.as_ref().and_then(|it| it.tool_choice.as_ref()) {
            Some(ToolChoice::Any(_)) => Choice::Any,
            Some(ToolChoice::Tool(named)) => Choice::Named(named.name.as_deref().unwrap_or_default()),
            _ => Choice::Auto,
        },
        schema: schema.map(Cow::Borrowed),
        max_tokens: inference.and_then(|it| it.max_tokens).map_or(model.max_output_tokens, |it| it.0 as u64),
        stop_sequences: inference
            .iter()
            .flat_map(|it| it.stop_sequences.iter().flatten())
            .map(|it: &Str<'_>| &**it)
            .collect(),
        thinking: checked.thinking,
        turns: messages.len(),
        id_prefix: "tooluse_",
        usage: cache.account(weight.tokens, &weight.prefixes, model.cache_min_tokens),
    })
}

/// Texts as one, borrowed when there is but one.
pub(crate) fn joined<'a>(mut texts: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let first = texts.next().unwrap_or_default();
    match texts.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            let mut whole = format!("{first}\n{second}");
            for text in texts {
                whole.push('\n');
                whole.push_str(text);
            }
            Cow::Owned(whole)
        }
    }
}

fn last_user<'a>(messages: &'a [Message<'a>]) -> &'a [Block<'a>] {
    let last = messages.iter().rfind(|it| it.role.as_deref() == Some("user"));
    last.and_then(|it| it.content.as_deref()).unwrap_or_default()
}

fn tools<'a>(request: &'a Request<'a>) -> Vec<PromptTool<'a>> {
    let tools = request.tool_config.iter().flat_map(|it| it.tools.iter().flatten());
    tools
        .filter_map(|it| match it {
            Tool::Spec(spec) => Some(PromptTool {
                name: spec.name.as_deref()?,
                description: spec.description.as_deref().unwrap_or_default(),
                schema: spec.input_schema.as_ref()?.json?.get(),
            }),
            _ => None,
        })
        .collect()
}

/// The results of the last turn, with the names of the tools that gave them.
fn results<'a>(messages: &'a [Message<'a>], last: &'a [Block<'a>]) -> Vec<ToolAnswer<'a>> {
    let mut answers = Vec::new();
    for block in last {
        let Block::ToolResult(result) = block else { continue };
        let id = result.tool_use_id.as_deref();
        let calls = messages.iter().rev().flat_map(|it| it.content.iter().flatten());
        let mut names = calls.filter_map(|it| match it {
            Block::ToolUse(call) if call.tool_use_id.as_deref() == id => call.name.as_deref(),
            _ => None,
        });
        let name = names.next().unwrap_or("tool");
        let mut text = String::new();
        for part in result.content.iter().flatten() {
            if !text.is_empty() {
                text.push(' ');
            }
            match part {
                ResultBlock::Text(it) => text.push_str(it),
                ResultBlock::Json(it) => text.push_str(it.get()),
                ResultBlock::Image(_) => text.push_str("(an image)"),
                ResultBlock::Document(_) => text.push_str("(a document)"),
                ResultBlock::Video(_) => text.push_str("(a video)"),
                ResultBlock::SearchResult(it) => text.push_str(it.title.as_deref().unwrap_or_default()),
                ResultBlock::Unknown => {}
            }
        }
        let is_error = result.status.as_deref() == Some("error");
        answers.push(ToolAnswer { name, text, is_error });
    }
    answers
}
