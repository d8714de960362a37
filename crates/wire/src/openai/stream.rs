//! The streamed answer: `chat.completion.chunk` objects as server-sent events, then `[DONE]`.
//!
//! Order and shapes: OpenAI API reference, "Chat completion chunk"; protocol facts b.1.
//! This is the hottest code of the crate: what all chunks share is written once, and each event is copied
//! straight into the output buffer.

mod blocks;

use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, Extra, StopReason};
use outcrop_types::TokenUsage;

use self::blocks::{Citations, Thoughts};
use super::chat::{put_extra, put_thought};
use super::usage::put_usage;
use super::{finish_reason, legacy_reason};
use crate::error::{ErrorBody, broken, render};
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
/// failed. After `finish` or `fail` nothing more is written. One of several choices of one stream is ended with
/// [`end_choice`](Self::end_choice) instead, and the stream of all of them with [`close`](Self::close).
#[derive(Debug)]
pub struct ChatStream {
    /// `data: {"id":…,"model":…`, which every chunk begins with.
    prefix: Box<[u8]>,
    /// The same up to the inside of the choice's delta.
    choice: Box<[u8]>,
    names: ToolNames,
    include_usage: bool,
    /// Whether calls are told in the legacy form.
    functions: bool,
    state: State,
    calls: Vec<Call>,
    thoughts: Thoughts,
    citations: Citations,
    /// Why the model stopped: told with what Bedrock says of the whole answer, which comes behind.
    stopped: Option<StopReason>,
    extra: Option<Box<Extra>>,
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
        let mut prefix = BytesMut::with_capacity(192 + head.id.len() + head.model.len());
        prefix.put_slice(b"data: {\"id\":");
        put_string(&mut prefix, head.id);
        prefix.put_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        put_integer(&mut prefix, head.created);
        prefix.put_slice(b",\"model\":");
        put_string(&mut prefix, head.model);
        prefix.put_slice(b",\"system_fingerprint\":null");
        let mut this = Self {
            prefix: prefix.as_ref().into(),
            choice: Box::default(),
            names,
            include_usage: head.include_usage,
            functions: false,
            state: State::New,
            calls: Vec::new(),
            thoughts: Thoughts::default(),
            citations: Citations::default(),
            stopped: None,
            extra: None,
            usage: None,
        };
        this.set_choice(0);
        this
    }

    /// The stream of the choice of this index.
    #[must_use]
    pub fn for_choice(mut self, index: usize) -> Self {
        self.set_choice(index);
        self
    }

    /// The stream with calls in the legacy form, as `function_call`.
    #[must_use]
    pub const fn with_functions(mut self, functions: bool) -> Self {
        self.functions = functions;
        self
    }

    fn set_choice(&mut self, index: usize) {
        let mut choice = BytesMut::from(&*self.prefix);
        choice.put_slice(b",\"choices\":[{\"index\":");
        put_integer(&mut choice, index);
        choice.put_slice(b",\"delta\":{");
        self.choice = choice.as_ref().into();
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        match event {
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                self.tell_stop(out);
            }
            Event::Extra(extra) => self.extra = Some(extra.clone()),
            _ if self.stopped.is_some() => {}
            Event::Start => self.open(out),
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                self.open(out);
                self.end_thoughts(|block| block != *index, out);
                self.begin_call(*index, id, name, out);
            }
            Event::Delta { index, delta } => {
                self.open(out);
                self.end_thoughts(|block| block != *index, out);
                self.delta(*index, delta, out);
            }
            Event::BlockStop { index } => {
                self.end_call(*index, out);
                self.end_thoughts(|block| block == *index, out);
            }
            Event::Stop(reason) => self.stop(*reason, out),
        }
    }

    /// Ends the stream: usage if it was asked for and is known, then `[DONE]`.
    ///
    /// If the model never stopped, the answer broke off: that is an error event and no `[DONE]`.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.end_choice(out) {
            self.close(self.usage, out);
        }
    }

    /// Ends this choice and not the stream; whether it is whole. If the model never stopped, that is an error event.
    pub fn end_choice(&mut self, out: &mut BytesMut) -> bool {
        self.tell_stop(out);
        match self.state {
            State::Ended => return false,
            State::New | State::Open => {
                self.fail(&broken("The model's answer broke off."), out);
                return false;
            }
            State::Stopped => self.state = State::Ended,
        }
        true
    }

    /// Ends a stream whose choices have all ended: their usage together, if it was asked for and is known, then `[DONE]`.
    pub fn close(&self, usage: Option<TokenUsage>, out: &mut BytesMut) {
        if let Some(usage) = usage.filter(|_| self.include_usage) {
            out.put_slice(&self.prefix);
            out.put_slice(b",\"choices\":[],\"usage\":");
            put_usage(out, &usage);
            self.put_extra(out);
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    /// Ends the stream with an error event; official clients raise on its top-level `error`.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        put_error(out, error);
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
            Delta::Text(text) => {
                self.citations.saw_text(index, text);
                (b"\"content\":\"", text)
            }
            Delta::Reasoning(text) => {
                self.thoughts.text(index, text);
                (b"\"reasoning_content\":\"", text)
            }
            Delta::ToolInput(json) => return self.call_input(index, json, out),
            Delta::Signature(signature) => return self.thoughts.signature(index, signature),
            Delta::RedactedReasoning(bytes) => return self.thoughts.redacted(index, bytes),
            Delta::Citation(citation) => return self.citations.saw(index, citation),
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

    /// Tells the thoughts of these blocks with their signatures, now that they are whole: at their stop or, where none
    /// comes, when another block begins. Clients put lists together in order, so that none may be told too late; LiteLLM's
    /// passes over a chunk that has no other words, not even none.
    fn end_thoughts(&mut self, of: impl Fn(u32) -> bool, out: &mut BytesMut) {
        while let Some((at, thought)) = self.thoughts.take(&of) {
            self.begin_chunk(out);
            out.put_slice(b"\"reasoning_content\":\"\",\"thinking_blocks\":[");
            put_thought(out, Some(at), &thought);
            out.put_u8(b']');
            self.end_chunk(None, out);
        }
    }

    fn begin_call(&mut self, block: u32, id: &str, name: &str, out: &mut BytesMut) {
        let index = self.calls.len();
        self.calls.push(Call { block, has_input: false, whole: false });
        if self.functions && index > 0 {
            // The legacy form has no place for a second one.
            return;
        }
        self.begin_chunk(out);
        if self.functions {
            out.put_slice(b"\"function_call\":{\"name\":");
        } else {
            out.put_slice(b"\"tool_calls\":[{\"index\":");
            put_integer(out, index);
            out.put_slice(b",\"id\":");
            put_string(out, id);
            out.put_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        }
        put_string(out, self.names.original(name));
        out.put_slice(if self.functions { b",\"arguments\":\"\"}" } else { b",\"arguments\":\"\"}}]" });
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
        if self.functions && index > 0 {
            return;
        }
        self.begin_chunk(out);
        if self.functions {
            out.put_slice(b"\"function_call\":{\"arguments\":");
        } else {
            out.put_slice(b"\"tool_calls\":[{\"index\":");
            put_integer(out, index);
            out.put_slice(b",\"function\":{\"arguments\":");
        }
        put_string(out, json);
        out.put_slice(if self.functions { b"}" } else { b"}}]" });
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
        self.end_thoughts(|_| true, out);
        let sources = self.citations.sources();
        if !sources.is_empty() {
            // All at once: OpenAI's clients cannot put lists of these together.
            self.begin_chunk(out);
            sources.put(out);
            self.end_chunk(None, out);
        }
        self.stopped = Some(reason);
    }

    /// Writes the finish reason, if the model stopped and it is not written yet.
    fn tell_stop(&mut self, out: &mut BytesMut) {
        let (State::Open, Some(reason)) = (self.state, self.stopped) else { return };
        let reason = finish_reason(reason, !self.calls.is_empty());
        self.begin_chunk(out);
        self.end_chunk(Some(if self.functions { legacy_reason(reason) } else { reason }), out);
        self.state = State::Stopped;
    }

    fn begin_chunk(&self, out: &mut BytesMut) {
        out.put_slice(&self.choice);
    }

    fn end_chunk(&self, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.put_slice(b"},\"logprobs\":null,\"finish_reason\":");
        match finish_reason {
            None => out.put_slice(b"null}]"),
            Some(reason) => {
                put_string(out, reason);
                out.put_slice(b"}]");
                self.put_extra(out);
            }
        }
        out.put_slice(if self.include_usage { b",\"usage\":null}\n\n" } else { b"}\n\n" });
    }

    fn put_extra(&self, out: &mut BytesMut) {
        if let Some(extra) = &self.extra {
            put_extra(out, extra);
        }
    }
}

/// Writes an error event.
pub(super) fn put_error(out: &mut BytesMut, error: &ErrorBody) {
    out.put_slice(b"data: ");
    out.put_slice(&render(Dialect::OpenAi, error).body);
    out.put_slice(b"\n\n");
}
