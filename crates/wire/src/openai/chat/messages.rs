//! `messages`: from OpenAI's turns to Converse's.

use std::collections::HashMap;

use outcrop_chat::{Block, InvalidRequest, Message, Role, SystemBlock, ToolResult, ToolResultBlock, ToolUse};
use serde_json::{Map, Value};

use super::Dropped;
use super::request::{self, Content, Part, PartType, ToolCall};
use crate::ToolNames;
use crate::json::{InnerJson, shorten};
use crate::tool_names::safe_id;

/// Turns the messages into system texts and turns.
///
/// System and developer messages that lead the conversation are instructions; later ones stay where they
/// are: hoisting them would change their meaning and cost the prompt cache. A
/// conversation of instructions alone, which OpenAI answers, is answered by its last one as the user's turn.
pub(super) fn convert(
    messages: Vec<request::Message>,
    names: &mut ToolNames,
    dropped: &mut Dropped,
) -> Result<(Vec<SystemBlock>, Vec<Message>), InvalidRequest> {
    let mut turns = Turns {
        names,
        dropped,
        system: Vec::new(),
        messages: Vec::new(),
        open: None,
        arguments: InnerJson::default(),
    };
    for (at, message) in messages.into_iter().enumerate() {
        turns.push(at, message)?;
    }
    turns.all_answered()?;
    let Turns { mut system, mut messages, .. } = turns;
    if messages.is_empty()
        && let Some(SystemBlock::Text(text)) = system.pop()
    {
        messages.push(Message { role: Role::User, content: vec![Block::Text(text)] });
    }
    Ok((system, messages))
}

struct Turns<'a> {
    names: &'a mut ToolNames,
    dropped: &'a mut Dropped,
    system: Vec<SystemBlock>,
    messages: Vec<Message>,
    open: Option<OpenCalls>,
    /// Bounds the arguments of all tool calls.
    arguments: InnerJson,
}

/// The tool calls of the assistant message at `at` that wait for their results, by the client's ids.
struct OpenCalls {
    at: usize,
    waiting: HashMap<String, usize>,
}

impl Turns<'_> {
    fn push(&mut self, at: usize, message: request::Message) -> Result<(), InvalidRequest> {
        if message.name.is_some() {
            self.dropped.note("messages.name");
        }
        if message.role != request::Role::Tool {
            self.all_answered()?;
        }
        match message.role {
            request::Role::System | request::Role::Developer => self.instruction(at, message),
            request::Role::User => self.user(at, message),
            request::Role::Assistant => self.assistant(at, message),
            request::Role::Tool => self.tool(at, message),
            request::Role::Function => Err(InvalidRequest::new(
                format!("messages[{at}].role"),
                "The role `function` is the legacy form; use `tool`.",
            )),
        }
    }

    fn instruction(&mut self, at: usize, message: request::Message) -> Result<(), InvalidRequest> {
        let texts = texts(at, message.content, self.dropped)?;
        if self.messages.is_empty() {
            let texts = texts.into_iter().filter(|it| !it.trim().is_empty());
            self.system.extend(texts.map(SystemBlock::Text));
        } else {
            let content = texts.into_iter().map(Block::Text).collect();
            self.messages.push(Message { role: Role::System, content });
        }
        Ok(())
    }

    fn user(&mut self, at: usize, message: request::Message) -> Result<(), InvalidRequest> {
        let content = match message.content {
            None => return Err(required(format!("messages[{at}].content"))),
            Some(Content::Text(text)) => vec![Block::Text(text)],
            Some(Content::Parts(parts)) => parts
                .into_iter()
                .enumerate()
                .map(|(part_at, part)| user_part(at, part_at, part, self.dropped))
                .collect::<Result<_, _>>()?,
        };
        self.messages.push(Message { role: Role::User, content });
        Ok(())
    }

    fn assistant(&mut self, at: usize, mut message: request::Message) -> Result<(), InvalidRequest> {
        let unsupported =
            [("audio", message.audio.is_some()), ("function_call", message.function_call.is_some())];
        if let Some((field, _)) = unsupported.iter().find(|(_, there)| *there) {
            let param = format!("messages[{at}].{field}");
            let message = format!("`{param}` is not supported.");
            return Err(InvalidRequest::new(param, message));
        }
        if message.reasoning_content.is_some() {
            // A thought is only taken back with its signature, which this dialect has no place for.
            self.dropped.note("messages.reasoning_content");
        }
        let mut content: Vec<Block> =
            texts(at, message.content, self.dropped)?.into_iter().map(Block::Text).collect();
        content.extend(message.refusal.map(Block::Text));
        let calls = message.tool_calls.take();
        if !calls.is_empty() {
            let mut waiting = HashMap::with_capacity(calls.len());
            for (call_at, call) in calls.into_iter().enumerate() {
                let call = self.tool_use(at, call_at, call, &mut waiting)?;
                content.push(Block::ToolUse(call));
            }
            self.open = Some(OpenCalls { at, waiting });
        }
        self.messages.push(Message { role: Role::Assistant, content });
        Ok(())
    }

    fn tool_use(
        &mut self,
        at: usize,
        call_at: usize,
        call: ToolCall,
        waiting: &mut HashMap<String, usize>,
    ) -> Result<ToolUse, InvalidRequest> {
        let path = |field: &str| format!("messages[{at}].tool_calls[{call_at}].{field}");
        if let Some(other) = call.r#type.filter(|it| it != "function") {
            let message = format!("`{}` must be `function`, not `{}`.", path("type"), shorten(&other));
            return Err(InvalidRequest::new(path("type"), message));
        }
        let function = call.function.ok_or_else(|| required(path("function")))?;
        if call.id.is_empty() {
            return Err(required(path("id")));
        }
        if function.name.is_empty() {
            return Err(required(path("function.name")));
        }
        let input = self.input(function.arguments.as_deref().unwrap_or("")).map_err(|why| {
            let param = path("function.arguments");
            let message = format!("`{param}` {why}.");
            InvalidRequest::new(param, message)
        })?;
        *waiting.entry(call.id.clone()).or_default() += 1;
        Ok(ToolUse { id: safe_id(call.id), name: self.names.safe(function.name), input })
    }

    /// A tool call's arguments: blank means none. The error ends a sentence.
    fn input(&mut self, text: &str) -> Result<Value, String> {
        if text.trim().is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        self.arguments.admit(text)?;
        let object = serde_json::from_str(text).map(Value::Object);
        object.map_err(|error| {
            // Only what is JSON and no object can be called that; the rest has a reason of its own.
            let reason = if error.is_data() { String::new() } else { format!(" ({error})") };
            format!("must be a JSON object, written as a string{reason}")
        })
    }

    fn tool(&mut self, at: usize, message: request::Message) -> Result<(), InvalidRequest> {
        let param = format!("messages[{at}].tool_call_id");
        let Some(id) = message.tool_call_id else { return Err(required(param)) };
        let waiting =
            self.open.as_mut().and_then(|open| open.waiting.get_mut(&id)).filter(|count| **count > 0);
        let Some(count) = waiting else {
            let message = format!(
                "`{param}` is `{}`, which answers no tool call of the assistant message before it.",
                shorten(&id)
            );
            return Err(InvalidRequest::new(param, message));
        };
        *count -= 1;
        let content = match message.content {
            None => Vec::new(),
            Some(Content::Text(text)) => vec![ToolResultBlock::Text(text)],
            Some(Content::Parts(parts)) => parts
                .into_iter()
                .enumerate()
                .map(|(part_at, part)| match user_part(at, part_at, part, self.dropped)? {
                    Block::Image(image) => Ok(ToolResultBlock::Image(image)),
                    Block::Text(text) => Ok(ToolResultBlock::Text(text)),
                    _ => Err(wrong_part(at, part_at)),
                })
                .collect::<Result<_, _>>()?,
        };
        let result = ToolResult { id: safe_id(id), content, is_error: false };
        self.messages.push(Message { role: Role::User, content: vec![Block::ToolResult(result)] });
        Ok(())
    }

    /// Refuses to go on while calls of the last assistant message have no result, as OpenAI does.
    fn all_answered(&mut self) -> Result<(), InvalidRequest> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let mut missing: Vec<&str> =
            open.waiting.iter().filter(|(_, count)| **count > 0).map(|(id, _)| id.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort_unstable();
        let missing = shorten(&missing.join(", "));
        Err(InvalidRequest::new(
            format!("messages[{}].tool_calls", open.at),
            format!(
                "Each tool call must be followed by a `tool` message with its id. Without one: {missing}."
            ),
        ))
    }
}

/// The texts of a message that may hold nothing else.
fn texts(at: usize, content: Option<Content>, dropped: &mut Dropped) -> Result<Vec<String>, InvalidRequest> {
    match content {
        None => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(vec![text]),
        Some(Content::Parts(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(part_at, part)| {
                note_part(&part, dropped);
                match part.r#type {
                    PartType::Text => part.text.ok_or_else(|| required(part_path(at, part_at, "text"))),
                    PartType::Refusal => {
                        part.refusal.ok_or_else(|| required(part_path(at, part_at, "refusal")))
                    }
                    _ => Err(wrong_part(at, part_at)),
                }
            })
            .collect(),
    }
}

fn user_part(at: usize, part_at: usize, part: Part, dropped: &mut Dropped) -> Result<Block, InvalidRequest> {
    note_part(&part, dropped);
    match part.r#type {
        PartType::Text => part.text.map(Block::Text).ok_or_else(|| required(part_path(at, part_at, "text"))),
        PartType::ImageUrl => {
            let image = part.image_url.ok_or_else(|| required(part_path(at, part_at, "image_url")))?;
            image.url.0.map(Block::Image).map_err(|why| {
                let param = part_path(at, part_at, "image_url.url");
                let message = format!("`{param}` {why}.");
                InvalidRequest::new(param, message)
            })
        }
        PartType::InputAudio | PartType::File | PartType::Refusal => Err(wrong_part(at, part_at)),
    }
}

fn note_part(part: &Part, dropped: &mut Dropped) {
    if part.prompt_cache_breakpoint.is_some() {
        dropped.note("prompt_cache_breakpoint");
    }
    let detail = part.image_url.as_ref().and_then(|it| it.detail.as_deref());
    if detail.is_some_and(|it| it != "auto") {
        dropped.note("image_url.detail");
    }
}

fn wrong_part(at: usize, part_at: usize) -> InvalidRequest {
    let param = part_path(at, part_at, "type");
    let message = format!("`{param}` names a kind of content that is not supported in this message.");
    InvalidRequest::new(param, message)
}

fn part_path(at: usize, part_at: usize, field: &str) -> String {
    format!("messages[{at}].content[{part_at}].{field}")
}

fn required(param: String) -> InvalidRequest {
    let message = format!("`{param}` is required.");
    InvalidRequest::new(param, message)
}
