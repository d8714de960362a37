//! What is asked and answered, as spans hold it: by opt-in only, within bounds, and with what is nobody's business masked.
//!
//! In the shape of the conventions for `gen_ai.input.messages`, `gen_ai.output.messages` and `gen_ai.system_instructions`
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). Of pictures, documents, films and sounds there is
//! no more than their kind and size.

mod body;
mod fit;
mod redact;

use std::borrow::Cow;

use outcrop_chat::{
    Block, BlockStart, Delta, Document, DocumentSource, Event, Message, Reasoning, Request, Role, Source,
    SystemBlock, ToolResultBlock,
};
use serde_json::{Value, json};

use fit::Room;

/// How much more is gathered than is shown: what begins before the bound is masked as a whole.
const MARGIN: usize = 512;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The instructions, if there are any.
    pub(crate) system: Option<String>,
    pub(crate) messages: String,
}

impl Asked {
    /// Within so many bytes each. Of long conversations the end is kept.
    pub(crate) fn of(request: &Request, most: usize) -> Self {
        let mut room = Room::new(most);
        let system: Vec<Value> = request.system.iter().filter_map(|it| instruction(it, &mut room)).collect();
        let mut room = Room::new(most);
        let mut messages = Vec::new();
        for (at, message) in request.messages.iter().enumerate().rev() {
            if room.is_full() {
                messages.push(json!({"role": "cut", "parts": [{"type": "cut", "messages": at + 1}]}));
                break;
            }
            messages.push(turn(message, &mut room));
        }
        messages.reverse();
        let system = (!system.is_empty()).then(|| Value::Array(system).to_string());
        Self { system, messages: Value::Array(messages).to_string() }
    }
}

/// What is answered, gathered as it comes.
#[derive(Debug)]
pub(crate) struct Said {
    most: usize,
    /// How much may still be gathered.
    left: usize,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(u32, String),
    Thought(u32, String),
    Call { at: u32, id: String, name: String, input: String },
}

impl Said {
    /// Nothing yet, and no more than so many bytes.
    pub(crate) const fn nothing(most: usize) -> Self {
        Self { most, left: most + MARGIN, parts: Vec::new() }
    }

    /// A whole answer.
    pub(crate) fn whole(content: &[Block], most: usize) -> Self {
        let mut said = Self::nothing(most);
        for (at, block) in (0..).zip(content) {
            match block {
                Block::Text(text) => said.text(at, text),
                Block::Cited(cited) => said.text(at, &cited.text),
                Block::Reasoning(Reasoning::Text { text, .. }) => said.thought(at, text),
                Block::ToolUse(call) => {
                    said.call(at, &call.id, &call.name);
                    said.input(at, &redact::redact_value(&call.input).to_string());
                }
                _ => {}
            }
        }
        said
    }

    /// A piece of it.
    pub(crate) fn push(&mut self, event: &Event) {
        match event {
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                self.call(*index, id, name)
            }
            Event::Delta { index, delta } => match delta {
                Delta::Text(text) => self.text(*index, text),
                Delta::Reasoning(text) => self.thought(*index, text),
                Delta::ToolInput(text) => self.input(*index, text),
                Delta::Signature(_) | Delta::RedactedReasoning(_) | Delta::Citation(_) => {}
            },
            _ => {}
        }
    }

    fn text(&mut self, index: u32, text: &str) {
        let text = self.take(text);
        match self.parts.last_mut() {
            Some(Part::Text(at, all)) if *at == index => all.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Text(index, text.to_owned())),
        }
    }

    /// The messages, as the conventions want them, with why the model stopped, if that is known.
    pub(crate) fn messages(&self, reason: Option<&str>) -> String {
        let mut room = Room::new(self.most);
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            if room.is_full() {
                break;
            }
            parts.push(match part {
                Part::Text(_, text) => json!({"type": "text", "content": room.text(text)}),
                Part::Thought(_, text) => json!({"type": "reasoning", "content": room.text(text)}),
                Part::Call { id, name, input, .. } => {
                    json!({"type": "tool_call", "id": room.name(id), "name": room.name(name), "arguments": room.text(&arguments(input))})
                }
            });
        }
        let mut message = json!({"role": "assistant", "parts": parts});
        if let Some(reason) = reason {
            message["finish_reason"] = reason.into();
        }
        json!([message]).to_string()
    }

    fn thought(&mut self, index: u32, text: &str) {
        let text = self.take(text);
        match self.parts.last_mut() {
            Some(Part::Thought(at, all)) if *at == index => all.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Thought(index, text.to_owned())),
        }
    }

    fn call(&mut self, at: u32, id: &str, name: &str) {
        let (id, name) = (self.take(id).to_owned(), self.take(name).to_owned());
        if self.left > 0 {
            self.parts.push(Part::Call { at, id, name, input: String::new() });
        }
    }

    fn input(&mut self, index: u32, text: &str) {
        let text = self.take(text);
        if let Some(Part::Call { at, input, .. }) = self.parts.last_mut()
            && *at == index
        {
            input.push_str(text);
        }
    }

    /// The beginning of a text that there is still room for.
    fn take<'a>(&mut self, text: &'a str) -> &'a str {
        let text = &text[..text.floor_char_boundary(self.left)];
        self.left -= text.len();
        text
    }
}

/// What a tool is called with, masked piece by piece where it came whole: as a text, its strings would be read escaped.
fn arguments(input: &str) -> Cow<'_, str> {
    match serde_json::from_str(input) {
        Ok(value) => Cow::Owned(redact::redact_value(&value).to_string()),
        Err(_) => Cow::Borrowed(input),
    }
}

fn instruction(block: &SystemBlock, room: &mut Room) -> Option<Value> {
    let text = match block {
        SystemBlock::Text(text) => text,
        SystemBlock::Guard(guarded) => &guarded.text,
        SystemBlock::CachePoint(_) => return None,
    };
    (!room.is_full()).then(|| json!({"type": "text", "content": room.text(text)}))
}

fn turn(message: &Message, room: &mut Room) -> Value {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
    };
    let mut parts = Vec::new();
    for block in &message.content {
        if room.is_full() {
            break;
        }
        parts.extend(part(block, room));
    }
    json!({"role": role, "parts": parts})
}

fn part(block: &Block, room: &mut Room) -> Option<Value> {
    Some(match block {
        Block::Text(text) => json!({"type": "text", "content": room.text(text)}),
        Block::Guard(guarded) => json!({"type": "text", "content": room.text(&guarded.text)}),
        Block::Cited(cited) => json!({"type": "text", "content": room.text(&cited.text)}),
        Block::Reasoning(Reasoning::Text { text, .. }) => {
            json!({"type": "reasoning", "content": room.text(text)})
        }
        Block::Reasoning(Reasoning::Redacted(sealed)) => thing("reasoning", sealed.len()),
        Block::ToolUse(call) => json!({
            "type": "tool_call",
            "id": room.name(&call.id),
            "name": room.name(&call.name),
            "arguments": room.value(&call.input),
        }),
        Block::ToolResult(result) => {
            let mut content = Vec::new();
            for it in &result.content {
                if room.is_full() {
                    break;
                }
                content.push(result_part(it, room));
            }
            json!({"type": "tool_call_response", "id": room.name(&result.id), "response": content})
        }
        Block::SearchResult(found) => thing("search_result", found.content.iter().map(String::len).sum()),
        Block::Image(image) => thing("image", image.source.size()),
        Block::Video(video) => thing("video", video.source.size()),
        Block::Audio(audio) => thing("audio", audio.source.size()),
        Block::Document(document) => thing("document", size(document)),
        Block::Link(_) => thing("link", 0),
        Block::CachePoint(_) => return None,
    })
}

fn result_part(block: &ToolResultBlock, room: &mut Room) -> Value {
    match block {
        ToolResultBlock::Text(text) => json!({"type": "text", "content": room.text(text)}),
        ToolResultBlock::Json(value) => room.value(value),
        ToolResultBlock::Image(image) => thing("image", image.source.size()),
        ToolResultBlock::Video(video) => thing("video", video.source.size()),
        ToolResultBlock::Document(document) => thing("document", size(document)),
        ToolResultBlock::SearchResult(found) => {
            thing("search_result", found.content.iter().map(String::len).sum())
        }
        ToolResultBlock::Link(_) => thing("link", 0),
    }
}

/// What is not shown; of what lies elsewhere nobody here knows the size.
fn thing(kind: &str, bytes: usize) -> Value {
    if bytes == 0 { json!({"type": kind}) } else { json!({"type": kind, "bytes": bytes}) }
}

fn size(document: &Document) -> usize {
    match &document.source {
        DocumentSource::File(Source::S3 { .. }) => 0,
        DocumentSource::File(source) => source.size(),
        DocumentSource::Text(text) => text.len(),
        DocumentSource::Parts(parts) => parts.iter().map(String::len).sum(),
    }
}

#[cfg(test)]
#[path = "content/tests.rs"]
mod tests;
