//! Conversations in Ollama's form.

use super::ChatMessage;
use crate::converse::request::{Block, Request, ResultBlock, Source, SystemBlock};
use crate::invoke::anthropic::{self, Content};
use serde_json::{Value, json, value::RawValue};
use std::collections::HashMap;

/// What Ollama is sent beside what the prompt says.
#[derive(Debug, Default)]
pub(crate) struct Chat {
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
}

fn role(name: Option<&str>) -> &'static str {
    match name {
        Some("assistant") => "assistant",
        Some("system") => "system",
        _ => "user",
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

fn call(name: &str, input: Option<&RawValue>) -> Value {
    let arguments: Value =
        input.and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_else(|| json!({}));
    json!({"function": {"name": name, "arguments": arguments}})
}

/// A Converse request.
pub(crate) fn converse(request: &Request<'_>) -> Chat {
    let inference = request.inference_config.as_ref();
    let mut chat = Chat {
        messages: Vec::new(),
        temperature: inference.and_then(|it| it.temperature).map(|it| it.0),
        top_p: inference.and_then(|it| it.top_p).map(|it| it.0),
    };
    let mut system = String::new();
    for block in request.system.iter().flatten() {
        if let SystemBlock::Text(text) = block {
            append(&mut system, text);
        }
    }
    if !system.is_empty() {
        chat.messages.push(ChatMessage { role: "system", content: system, ..ChatMessage::default() });
    }
    let mut names: HashMap<&str, &str> = HashMap::new();
    for message in request.messages.iter().flatten() {
        let mut out = ChatMessage { role: role(message.role.as_deref()), ..ChatMessage::default() };
        for block in message.content.iter().flatten() {
            match block {
                Block::Text(text) => append(&mut out.content, text),
                Block::Image(media) => {
                    if let Some(Source::Bytes(bytes)) = &media.source {
                        out.images.push(bytes.to_string());
                    }
                }
                Block::Document(media) => match &media.source {
                    Some(Source::Text(text)) => append(&mut out.content, text),
                    _ => append(&mut out.content, "(a document that this model cannot read)"),
                },
                Block::ToolUse(use_) => {
                    let name = use_.name.as_deref().unwrap_or_default();
                    names.insert(use_.tool_use_id.as_deref().unwrap_or_default(), name);
                    out.tool_calls.push(call(name, use_.input));
                }
                Block::ToolResult(result) => {
                    let mut content = String::new();
                    for part in result.content.iter().flatten() {
                        match part {
                            ResultBlock::Text(text) => append(&mut content, text),
                            ResultBlock::Json(json) => append(&mut content, json.get()),
                            _ => {}
                        }
                    }
                    let name = names.get(result.tool_use_id.as_deref().unwrap_or_default());
                    let tool_name = name.map(|it| (*it).to_owned());
                    chat.messages.push(ChatMessage {
                        role: "tool",
                        content,
                        tool_name,
                        ..ChatMessage::default()
                    });
                }
                _ => {}
            }
        }
        push(&mut chat, out);
    }
    chat
}

/// A message that held nothing but results has no rest.
fn push(chat: &mut Chat, message: ChatMessage) {
    let empty = message.content.is_empty() && message.images.is_empty() && message.tool_calls.is_empty();
    if !empty {
        chat.messages.push(message);
    }
}

/// An Anthropic body.
pub(crate) fn anthropic(request: &anthropic::Request<'_>) -> Chat {
    let mut chat = Chat { messages: Vec::new(), temperature: request.temperature, top_p: request.top_p };
    if let Some(system) = &request.system {
        let content = system.joined().into_owned();
        push(&mut chat, ChatMessage { role: "system", content, ..ChatMessage::default() });
    }
    let mut names: HashMap<&str, &str> = HashMap::new();
    for message in request.messages.iter().flatten() {
        let mut out = ChatMessage { role: role(message.role.as_deref()), ..ChatMessage::default() };
        let Some(content) = &message.content else { continue };
        if let Content::Text(text) = content {
            append(&mut out.content, text);
        }
        for block in content.blocks() {
            match &*block.r#type {
                "text" => append(&mut out.content, block.text.as_deref().unwrap_or_default()),
                "image" => out
                    .images
                    .extend(block.source.iter().filter_map(|it| it.data.as_deref()).map(str::to_owned)),
                "tool_use" => {
                    let name = block.name.as_deref().unwrap_or_default();
                    names.insert(block.id.as_deref().unwrap_or_default(), name);
                    out.tool_calls.push(call(name, block.input));
                }
                "tool_result" => {
                    let content =
                        block.content.as_ref().map(|it| it.joined().into_owned()).unwrap_or_default();
                    let name = names.get(block.tool_use_id.as_deref().unwrap_or_default());
                    let tool_name = name.map(|it| (*it).to_owned());
                    chat.messages.push(ChatMessage {
                        role: "tool",
                        content,
                        tool_name,
                        ..ChatMessage::default()
                    });
                }
                _ => {}
            }
        }
        push(&mut chat, out);
    }
    chat
}
