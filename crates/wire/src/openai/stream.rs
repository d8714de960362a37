//! The streamed answer: `chat.completion.chunk` objects as server-sent events, then `[DONE]`.
//!
//! Order and shapes: OpenAI API reference, "Chat completion chunk"; protocol facts b.1.
//! This is the hottest code of the crate: what all chunks share is written once, and each event is copied
//! straight into the output buffer.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, StopReason};
use outcrop_types::{ErrorCode, TokenUsage};

use super::finish_reason;
use super::usage::put_usage;
use crate::error::{ErrorBody, render};
use crate::escape::{put_escaped, put_integer, put_string};
use crate::{Dialect, ToolNames};

/// What every chunk of a stream says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHead<'a> {
    /// `chatcmpl-…`
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: &'a str,
    /// Whether a chunk with the usage stands before `[DONE]`.
    pub include_usage: bool,
}

/// Writes the events of one answer as OpenAI's chunks.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish), or [`fail`](Self::fail) if the model
/// failed. After `finish` or `fail` nothing more is written.
#[derive(Debug)]
pub struct ChatStream {
    /// `data: {"id":…,"model":…`, which every chunk begins with.
    prefix: Box<[u8]>,
    names: ToolNames,
    include_usage: bool,
    state: State,
    calls: Vec<Call>,
    usage: Option<TokenUsage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing written yet.
    New,
    /// The role is written.
    Open,
    /// The finish reason is written.
    Stopped,
    /// `[DONE]` or an error is written.
    Ended,
}

/// A tool call; its place in the list is its `index`.
#[derive(Debug)]
struct Call {
    block: u32,
    has_input: bool,
    whole: bool,
}

impl ChatStream {
    /// A stream of which nothing is written yet.
    #[must_use]
    pub fn new(head: StreamHead<'_>, names: ToolNames) -> Self {
        let mut prefix = BytesMut::with_capacity(128 + head.id.len() + head.model.len());
        prefix.put_slice(b"data: {\"id\":");
        put_string(&mut prefix, head.id);
        prefix.put_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        put_integer(&mut prefix, head.created);
        prefix.put_slice(b",\"model\":");
        put_string(&mut prefix, head.model);
        Self {
            prefix: prefix.as_ref().into(),
            names,
            include_usage: head.include_usage,
            state: State::New,
            calls: Vec::new(),
            usage: None,
        }
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        match event {
            Event::Usage(usage) => self.usage = Some(*usage),
            _ if self.state == State::Stopped => {}
            Event::Extra(_) => {}
            Event::Start => self.open(out),
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                self.open(out);
                self.begin_call(*index, id, name, out);
            }
            Event::Delta { index, delta } => {
                self.open(out);
                self.delta(*index, delta, out);
            }
            Event::BlockStop { index } => self.end_call(*index, out),
            Event::Stop(reason) => self.stop(*reason, out),
        }
    }

    /// Ends the stream: usage if it was asked for and is known, then `[DONE]`.
    ///
    /// If the model never stopped, the answer broke off: that is an error event and no `[DONE]`.
    pub fn finish(&mut self, out: &mut BytesMut) {
        match self.state {
            State::Ended => return,
            State::New | State::Open => return self.fail(&broken("The model's answer broke off."), out),
            State::Stopped => {}
        }
        if let Some(usage) = self.usage.filter(|_| self.include_usage) {
            out.put_slice(&self.prefix);
            out.put_slice(b",\"choices\":[],\"usage\":");
            put_usage(out, &usage);
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
        self.state = State::Ended;
    }

    /// Ends the stream with an error event; official clients raise on its top-level `error`.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        out.put_slice(b"data: ");
        out.put_slice(&render(Dialect::OpenAi, error).body);
        out.put_slice(b"\n\n");
        self.state = State::Ended;
    }

    fn open(&mut self, out: &mut BytesMut) {
        if self.state == State::New {
            self.state = State::Open;
            self.begin_chunk(out);
            out.put_slice(b"\"role\":\"assistant\",\"content\":\"\"");
            self.end_chunk(None, out);
        }
    }

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut BytesMut) {
        let (field, text): (&[u8], _) = match delta {
            Delta::Text(text) => (b"\"content\":\"", text),
            Delta::Reasoning(text) => (b"\"reasoning_content\":\"", text),
            Delta::ToolInput(json) => return self.call_input(index, json, out),
            // OpenAI's chat has no place for these.
            Delta::Signature(_) | Delta::RedactedReasoning(_) | Delta::Citation(_) => return,
        };
        if text.is_empty() {
            return;
        }
        self.begin_chunk(out);
        out.put_slice(field);
        put_escaped(out, text);
        out.put_u8(b'"');
        self.end_chunk(None, out);
    }

    fn begin_call(&mut self, block: u32, id: &str, name: &str, out: &mut BytesMut) {
        let index = self.calls.len();
        self.calls.push(Call { block, has_input: false, whole: false });
        self.begin_chunk(out);
        out.put_slice(b"\"tool_calls\":[{\"index\":");
        put_integer(out, index);
        out.put_slice(b",\"id\":");
        put_string(out, id);
        out.put_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        put_string(out, self.names.original(name));
        out.put_slice(b",\"arguments\":\"\"}}]");
        self.end_chunk(None, out);
    }

    fn call_input(&mut self, block: u32, json: &str, out: &mut BytesMut) {
        if json.is_empty() {
            return;
        }
        // A piece for a call that never began has no id or name to go with, and is left out.
        if let Some(index) = self.calls.iter().rposition(|call| call.block == block && !call.whole) {
            self.calls[index].has_input = true;
            self.put_arguments(index, json, out);
        }
    }

    fn end_call(&mut self, block: u32, out: &mut BytesMut) {
        if let Some(index) = self.calls.iter().rposition(|call| call.block == block && !call.whole) {
            self.complete(index, out);
        }
    }

    /// A call without a piece of input has the input `{}`.
    fn complete(&mut self, index: usize, out: &mut BytesMut) {
        self.calls[index].whole = true;
        if !self.calls[index].has_input {
            self.put_arguments(index, "{}", out);
        }
    }

    fn put_arguments(&self, index: usize, json: &str, out: &mut BytesMut) {
        self.begin_chunk(out);
        out.put_slice(b"\"tool_calls\":[{\"index\":");
        put_integer(out, index);
        out.put_slice(b",\"function\":{\"arguments\":");
        put_string(out, json);
        out.put_slice(b"}}]");
        self.end_chunk(None, out);
    }

    fn stop(&mut self, reason: StopReason, out: &mut BytesMut) {
        if reason.is_malformed() {
            return self.fail(&broken("The model wrote something that is not an answer."), out);
        }
        self.open(out);
        for index in 0..self.calls.len() {
            if !self.calls[index].whole {
                self.complete(index, out);
            }
        }
        self.begin_chunk(out);
        self.end_chunk(Some(finish_reason(reason, !self.calls.is_empty())), out);
        self.state = State::Stopped;
    }

    fn begin_chunk(&self, out: &mut BytesMut) {
        out.put_slice(&self.prefix);
        out.put_slice(b",\"choices\":[{\"index\":0,\"delta\":{");
    }

    fn end_chunk(&self, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.put_slice(b"},\"logprobs\":null,\"finish_reason\":");
        match finish_reason {
            None => out.put_slice(b"null"),
            Some(reason) => put_string(out, reason),
        }
        let tail: &[u8] = if self.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" };
        out.put_slice(tail);
    }
}

fn broken(message: &str) -> ErrorBody {
    ErrorBody { code: ErrorCode::Upstream, message: message.into(), param: None, request_id: None }
}
