//! Tool calls and their results in the conversation, in today's form and in the legacy one of functions.

use std::collections::HashMap;

use outcrop_chat::{Block, InvalidRequest, ToolResult, ToolResultBlock, ToolUse};
use serde_json::{Map, Value};

use super::Dropped;
use super::cache;
use super::parts::{Parts, push_point, required, texts};
use super::turns::{CalledFunction, Message, ToolCall};
use crate::ToolNames;
use crate::json::{InnerJson, shorten};
use crate::tool_names::safe_id;

/// Calls of the conversation so far, and which of them wait for their results.
pub(super) struct Calls<'a> {
    names: &'a mut ToolNames,
    open: Option<OpenCalls>,
    /// Bounds the arguments of all calls.
    arguments: InnerJson,
}

/// The calls of the assistant message at `at` that wait for their results, by the client's ids; one of the legacy form
/// by its function's name.
struct OpenCalls {
    at: usize,
    waiting: HashMap<String, usize>,
    function: Option<String>,
}

impl<'a> Calls<'a> {
    pub(super) fn new(names: &'a mut ToolNames) -> Self {
        Self { names, open: None, arguments: InnerJson::default() }
    }

    /// The calls of an assistant message.
    pub(super) fn called(
        &mut self,
        at: usize,
        message: &mut Message<'_>,
        content: &mut Vec<Block>,
    ) -> Result<(), InvalidRequest> {
        let calls = message.tool_calls.take();
        if let Some(function) = message.function_call.take() {
            if !calls.is_empty() {
                let param = format!("messages[{at}].function_call");
                let message =
                    format!("`{param}` is the legacy form of `tool_calls`, and not sent together with it.");
                return Err(InvalidRequest::new(param, message));
            }
            let name = function.name.clone();
            let path = |field: &str| format!("messages[{at}].function_call.{field}");
            content.push(Block::ToolUse(self.tool_use(function_id(at), function, path)?));
            self.open = Some(OpenCalls { at, waiting: HashMap::new(), function: Some(name) });
        } else if !calls.is_empty() {
            let mut waiting = HashMap::with_capacity(calls.len());
            for (call_at, call) in calls.into_iter().enumerate() {
                let path = |field: &str| format!("messages[{at}].tool_calls[{call_at}].{field}");
                let point = cache::point(call.cache_control.as_ref(), || path("cache_control"))?;
                let call = self.tool_call(call, &path, &mut waiting)?;
                content.push(Block::ToolUse(call));
                push_point(content, point);
            }
            self.open = Some(OpenCalls { at, waiting, function: None });
        }
        Ok(())
    }

    fn tool_call(
        &mut self,
        call: ToolCall,
        path: &impl Fn(&str) -> String,
        waiting: &mut HashMap<String, usize>,
    ) -> Result<ToolUse, InvalidRequest> {
        if let Some(other) = call.r#type.filter(|it| it != "function") {
            let message = format!("`{}` must be `function`, not `{}`.", path("type"), shorten(&other));
            return Err(InvalidRequest::new(path("type"), message));
        }
        let function = call.function.ok_or_else(|| required(path("function")))?;
        if call.id.is_empty() {
            return Err(required(path("id")));
        }
        *waiting.entry(call.id.clone()).or_default() += 1;
        self.tool_use(safe_id(call.id), function, |field| path(&format!("function.{field}")))
    }

    fn tool_use(
        &mut self,
        id: String,
        function: CalledFunction,
        path: impl Fn(&str) -> String,
    ) -> Result<ToolUse, InvalidRequest> {
        if function.name.is_empty() {
            return Err(required(path("name")));
        }
        let input = self.input(function.arguments.as_deref().unwrap_or("")).map_err(|why| {
            let param = path("arguments");
            let message = format!("`{param}` {why}.");
            InvalidRequest::new(param, message)
        })?;
        Ok(ToolUse { id, name: self.names.safe(function.name), input })
    }

    /// A call's arguments: blank means none. The error ends a sentence.
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

    /// A message of the role `tool`: the result, and the cache point behind it.
    pub(super) fn tool_result(
        &mut self,
        at: usize,
        message: Message<'_>,
        parts: &Parts<'_>,
        dropped: &mut Dropped,
    ) -> Result<Vec<Block>, InvalidRequest> {
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
        let (mut content, mut point) = (Vec::new(), None);
        let blocks = message.content.map(|content| parts.result(at, content, dropped)).transpose()?;
        for (block_at, block) in blocks.into_iter().flatten().enumerate() {
            match block {
                Block::Text(text) => content.push(ToolResultBlock::Text(text)),
                Block::Image(image) => content.push(ToolResultBlock::Image(image)),
                Block::Document(document) => content.push(ToolResultBlock::Document(document)),
                Block::Video(video) => content.push(ToolResultBlock::Video(video)),
                Block::Link(link) => content.push(ToolResultBlock::Link(link)),
                Block::CachePoint(ttl) => point = Some(ttl),
                _ => {
                    let param = format!("messages[{at}].content[{block_at}].type");
                    let message =
                        format!("`{param}` names a kind of content that no tool's result may hold.");
                    return Err(InvalidRequest::new(param, message));
                }
            }
        }
        let mut blocks = vec![Block::ToolResult(ToolResult { id: safe_id(id), content, is_error: false })];
        push_point(&mut blocks, point);
        Ok(blocks)
    }

    /// A message of the legacy role `function`: it answers the call of the message before it.
    pub(super) fn function_result(
        &mut self,
        at: usize,
        message: Message<'_>,
        dropped: &mut Dropped,
    ) -> Result<Block, InvalidRequest> {
        let param = format!("messages[{at}].name");
        let Some(name) = message.name else { return Err(required(param)) };
        let Some(open) = self.open.as_mut().filter(|open| open.function.as_ref() == Some(&name)) else {
            let message = format!(
                "`{param}` is `{}`, which is not the function called by the assistant message before it.",
                shorten(&name)
            );
            return Err(InvalidRequest::new(param, message));
        };
        open.function = None;
        let id = function_id(open.at);
        let text =
            |block| if let Block::Text(text) = block { Some(ToolResultBlock::Text(text)) } else { None };
        let content = texts(at, message.content, dropped)?.into_iter().filter_map(text).collect();
        Ok(Block::ToolResult(ToolResult { id, content, is_error: false }))
    }

    /// Whether results may come.
    pub(super) const fn are_open(&self) -> bool {
        self.open.is_some()
    }

    /// Refuses to go on while calls of the last assistant message have no result, as OpenAI does.
    pub(super) fn all_answered(&mut self) -> Result<(), InvalidRequest> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if let Some(name) = open.function {
            let message = format!(
                "A function call must be followed by a `function` message with its name. Without one: {}.",
                shorten(&name)
            );
            return Err(InvalidRequest::new(format!("messages[{}].function_call", open.at), message));
        }
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

/// Functions are called without an id, Bedrock's tools with one: the same in every request, for the prompt cache.
fn function_id(at: usize) -> String {
    format!("function_call_{at}")
}
