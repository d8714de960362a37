//! Tool calls and their outputs.

use bytes::Bytes;
use outcrop_chat::{Block, InvalidRequest, Message, Role, ToolResult, ToolResultBlock, ToolUse};
use serde_json::{Map, Value};

use super::{OpenCall, Turns, wrong_part};
use crate::json::shorten;
use crate::openai::responses::request::{Content, Item, Part};
use crate::openai::responses::required;
use crate::tool_names::safe_id;

impl Turns<'_> {
    /// The model calls a tool.
    pub(super) fn call(&mut self, path: &str, item: Item<'_>, input: Value) -> Result<(), InvalidRequest> {
        let id = filled(path, "call_id", item.call_id)?;
        let name = self.called.safe(item.namespace.as_deref(), filled(path, "name", item.name)?);
        if self.open.contains_key(&id) {
            let param = format!("{path}.call_id");
            let message = format!("`{param}` is `{}`, as is that of a call before it.", shorten(&id));
            return Err(InvalidRequest::new(param, message));
        }
        let call = ToolUse { id: safe_id(id.clone()), name, input };
        let cut = item.status.as_deref() == Some("incomplete");
        self.open.insert(id, OpenCall { turn: self.messages.len(), cut });
        self.messages.push(Message { role: Role::Assistant, content: vec![Block::ToolUse(call)] });
        Ok(())
    }

    /// A tool call's arguments: blank means none, and so does what was cut off.
    pub(super) fn input(&mut self, path: &str, text: &str, cut: bool) -> Result<Value, InvalidRequest> {
        if text.trim().is_empty() {
            return Ok(Value::Object(Map::new()));
        }
        let wrong = |why: String| {
            let param = format!("{path}.arguments");
            let message = format!("`{param}` {why}.");
            InvalidRequest::new(param, message)
        };
        self.arguments.admit(text).map_err(wrong)?;
        match serde_json::from_str(text) {
            Ok(map) => Ok(Value::Object(map)),
            Err(_) if cut => Ok(Value::Object(Map::new())),
            Err(error) => {
                // Only what is JSON and no object can be called that; the rest has a reason of its own.
                let reason = if error.is_data() { String::new() } else { format!(" ({error})") };
                Err(wrong(format!("must be a JSON object, written as a string{reason}")))
            }
        }
    }

    /// The client answers a call.
    pub(super) fn output(&mut self, body: &Bytes, path: &str, item: Item<'_>) -> Result<(), InvalidRequest> {
        let id = filled(path, "call_id", item.call_id)?;
        let Some(OpenCall { turn, .. }) = self.open.remove(&id) else {
            let param = format!("{path}.call_id");
            let message = format!("`{param}` is `{}`, which answers no tool call before it.", shorten(&id));
            return Err(InvalidRequest::new(param, message));
        };
        let content = match item.output.ok_or_else(|| required(&format!("{path}.output")))? {
            Content::Text(text) => vec![ToolResultBlock::Text(text)],
            Content::List(parts) => parts
                .into_iter()
                .enumerate()
                .map(|(at, part)| self.output_part(body, &format!("{path}.output[{at}]"), part))
                .collect::<Result<_, _>>()?,
        };
        self.answer(turn, Block::ToolResult(ToolResult { id: safe_id(id), content, is_error: false }));
        Ok(())
    }

    fn output_part(
        &mut self,
        body: &Bytes,
        path: &str,
        part: Part<'_>,
    ) -> Result<ToolResultBlock, InvalidRequest> {
        let kind = part.r#type.clone();
        match self.user_part(body, path, part)? {
            Block::Text(text) => Ok(ToolResultBlock::Text(text)),
            Block::Image(image) => Ok(ToolResultBlock::Image(image)),
            Block::Document(document) => Ok(ToolResultBlock::Document(document)),
            Block::Link(link) => Ok(ToolResultBlock::Link(link)),
            _ => Err(wrong_part(path, kind.as_deref())),
        }
    }

    /// Puts a result into the user's turn that follows the turn of the call, wherever the client wrote it.
    fn answer(&mut self, turn: usize, result: Block) {
        let after = self.users.partition_point(|at| *at < turn);
        match self.users.get(after) {
            Some(at) => self.messages[*at].content.push(result),
            None => self.user(vec![result]),
        }
    }

    /// Refuses a conversation with calls that have no result, as OpenAI does; calls that were cut off are left out, and named.
    pub(super) fn all_answered(&mut self) -> Result<(), InvalidRequest> {
        let mut missing: Vec<&str> =
            self.open.iter().filter(|(_, call)| !call.cut).map(|(id, _)| id.as_str()).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            let message = format!("No tool output found for function call {}.", shorten(&missing.join(", ")));
            return Err(InvalidRequest::new("input", message));
        }
        if !self.open.is_empty() {
            self.dropped.note("input.function_call");
        }
        for call in self.open.values() {
            self.messages[call.turn].content.clear();
        }
        Ok(())
    }
}

fn filled(path: &str, field: &str, value: Option<String>) -> Result<String, InvalidRequest> {
    value.filter(|it| !it.is_empty()).ok_or_else(|| required(&format!("{path}.{field}")))
}
