//! The streamed answer: named server-sent events, `message_start` to `message_stop`.
//!
//! Order and shapes: Anthropic API reference, "Streaming Messages"; protocol facts c.3. Blocks are numbered anew, from
//! 0 and without gaps, and one is open at a time: what Bedrock sends of another block while a tool call is open waits
//! until that call is whole.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, Extra, StopReason};
use outcrop_types::TokenUsage;
use serde_json::Value;

use super::citations::citation;
use super::response::{Answer, put_stop};
use super::usage::{put_delta_usage, put_usage};
use crate::error::{ErrorBody, broken, render};
use crate::escape::{put_integer, put_string};
use crate::{Dialect, ToolNames};

/// Writes an event that says nothing, which keeps proxies and clients from giving up during a long pause.
pub fn heartbeat(out: &mut BytesMut) {
    out.put_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

/// Writes the events of one answer as Anthropic's.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish), or [`fail`](Self::fail) if the model failed. After
/// `finish` or `fail` nothing more is written. The end of the answer is told when its usage is known, which is after
/// the model stopped.
#[derive(Debug)]
pub struct MessagesStream {
    id: Box<str>,
    model: Box<str>,
    hide_thinking: bool,
    names: ToolNames,
    state: State,
    open: Option<Open>,
    /// What came of other blocks while a tool call was open.
    held: Vec<Event>,
    /// The number of the next block.
    next: u32,
    called: bool,
    extra: Extra,
    /// The only text that could stop the answer, if there is but one.
    only_stop: Option<String>,
    usage: TokenUsage,
    request_id: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing written yet.
    New,
    /// `message_start` is written.
    Open,
    /// The model said why it stopped; its usage is still to come.
    Stopped(StopReason),
    /// `message_stop` or an error is written.
    Ended,
}

/// The block that is open.
#[derive(Debug)]
struct Open {
    /// Bedrock's number of it.
    block: u32,
    kind: Kind,
    /// Of a thought. It is told once, at the end: clients replace what they have by it.
    signature: String,
    /// An encrypted thought, which comes in one event when it is whole.
    redacted: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Tool,
    Thinking,
    Redacted,
}

impl MessagesStream {
    /// A stream of which nothing is written yet; the request's id stands in an error event.
    #[must_use]
    pub fn new(answer: Answer<'_>, names: ToolNames, request_id: Option<&str>) -> Self {
        Self {
            id: answer.id.into(),
            model: answer.model.into(),
            hide_thinking: answer.hide_thinking,
            names,
            state: State::New,
            open: None,
            held: Vec::new(),
            next: 0,
            called: false,
            extra: Extra::default(),
            only_stop: None,
            usage: TokenUsage::default(),
            request_id: request_id.map(Into::into),
        }
    }

    /// Tells the only text that could stop the answer: models that stop at it do not say which it was.
    #[must_use]
    pub fn with_only_stop(mut self, stop: Option<String>) -> Self {
        self.only_stop = stop;
        self
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match (event, self.state) {
            (_, State::Ended) => {}
            (Event::Usage(usage), _) => self.usage = *usage,
            (Event::Extra(extra), _) => self.extra = Extra::clone(extra),
            (_, State::Stopped(_)) => {}
            (Event::Start, _) => self.begin(out),
            (Event::Stop(reason), _) => self.stop(*reason, out),
            (event, _) => {
                self.begin(out);
                self.block_event(event, out);
            }
        }
    }

    /// Ends the stream: `message_delta` with everything counted, then `message_stop`.
    ///
    /// If the model never stopped, the answer broke off: that is an error event and no `message_stop`.
    pub fn finish(&mut self, out: &mut BytesMut) {
        let reason = match self.state {
            State::Ended => return,
            State::New | State::Open => return self.fail(&self.broken("The model's answer broke off."), out),
            State::Stopped(reason) => reason,
        };
        out.put_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{");
        let known = self.only_stop.as_deref().filter(|_| reason == StopReason::StopSequence);
        put_stop(out, reason, self.called, self.extra.stop_sequence.as_deref().or(known));
        out.put_slice(b"},\"usage\":");
        put_delta_usage(out, &self.usage);
        out.put_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        self.state = State::Ended;
    }

    /// Ends the stream with an error event, on which official clients raise.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        put_error(error, out);
        self.state = State::Ended;
    }

    fn begin(&mut self, out: &mut BytesMut) {
        if self.state != State::New {
            return;
        }
        self.state = State::Open;
        out.put_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":");
        put_string(out, &self.id);
        out.put_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        put_string(out, &self.model);
        out.put_slice(b",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        // Bedrock tells what was read at the very end; until then nothing is claimed.
        put_usage(out, &TokenUsage::default(), &Extra::default());
        out.put_slice(b"}}\n\n");
        heartbeat(out);
    }

    fn block_event(&mut self, event: &Event, out: &mut BytesMut) {
        let block = match event {
            Event::BlockStart { index, .. } | Event::Delta { index, .. } | Event::BlockStop { index } => {
                *index
            }
            Event::Start | Event::Stop(_) | Event::Extra(_) | Event::Usage(_) => return,
        };
        let busy = matches!(&self.open, Some(open) if open.kind == Kind::Tool && open.block != block);
        if busy {
            self.held.push(event.clone());
            return;
        }
        match event {
            Event::BlockStart { start: BlockStart::ToolUse { id, name }, .. } => {
                self.begin_tool(block, id, name, out);
            }
            Event::Delta { delta, .. } => self.delta(block, delta, out),
            Event::BlockStop { .. } => {
                if self.open.as_ref().is_some_and(|open| open.block == block) {
                    self.close(out);
                    self.release(out);
                }
            }
            Event::Start | Event::Stop(_) | Event::Extra(_) | Event::Usage(_) => {}
        }
    }

    /// Writes what had to wait for the tool call that is whole now.
    fn release(&mut self, out: &mut BytesMut) {
        for event in std::mem::take(&mut self.held) {
            self.block_event(&event, out);
        }
    }

    fn begin_tool(&mut self, block: u32, id: &str, name: &str, out: &mut BytesMut) {
        self.close(out);
        self.called = true;
        self.begin_block(out, b"{\"type\":\"tool_use\",\"id\":");
        put_string(out, id);
        out.put_slice(b",\"name\":");
        put_string(out, self.names.original(name));
        out.put_slice(b",\"input\":{}}}\n\n");
        self.open = Some(Open::new(block, Kind::Tool));
        // As Anthropic begins every input; without a further piece it is `{}`.
        self.put_delta(out, b"\"input_json_delta\",\"partial_json\":", "");
    }

    fn delta(&mut self, block: u32, delta: &Delta, out: &mut BytesMut) {
        match delta {
            Delta::Text(text) if !text.is_empty() => {
                self.ensure(block, Kind::Text, out);
                self.put_delta(out, b"\"text_delta\",\"text\":", text);
            }
            Delta::ToolInput(json) if !json.is_empty() => {
                // A piece for a call that never began has no id or name to go with, and is left out.
                if self.open.as_ref().is_some_and(|open| open.block == block && open.kind == Kind::Tool) {
                    self.put_delta(out, b"\"input_json_delta\",\"partial_json\":", json);
                }
            }
            Delta::Reasoning(text) => {
                self.ensure(block, Kind::Thinking, out);
                if !text.is_empty() && !self.hide_thinking {
                    self.put_delta(out, b"\"thinking_delta\",\"thinking\":", text);
                }
            }
            Delta::Signature(piece) => self.ensure(block, Kind::Thinking, out).signature.push_str(piece),
            Delta::RedactedReasoning(bytes) => {
                self.ensure(block, Kind::Redacted, out).redacted.extend_from_slice(bytes);
            }
            Delta::Citation(found) => {
                if let Some(citation) = citation(found) {
                    self.ensure(block, Kind::Text, out);
                    self.put_citation(out, &citation);
                }
            }
            Delta::Text(_) | Delta::ToolInput(_) => {}
        }
    }

    /// The open block, which is of this kind: blocks of Bedrock's begin with their first words.
    fn ensure(&mut self, block: u32, kind: Kind, out: &mut BytesMut) -> &mut Open {
        if self.open.as_ref().is_none_or(|open| open.block != block || open.kind != kind) {
            self.close(out);
            match kind {
                Kind::Text => self.begin_block(out, b"{\"type\":\"text\",\"text\":\"\"}}\n\n"),
                Kind::Thinking => {
                    let block = b"{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n";
                    self.begin_block(out, block);
                }
                Kind::Redacted | Kind::Tool => {}
            }
        }
        self.open.get_or_insert_with(|| Open::new(block, kind))
    }

    fn close(&mut self, out: &mut BytesMut) {
        let Some(open) = self.open.take() else { return };
        match open.kind {
            Kind::Thinking if !open.signature.is_empty() => {
                self.put_delta(out, b"\"signature_delta\",\"signature\":", &open.signature);
            }
            Kind::Redacted => {
                self.begin_block(out, b"{\"type\":\"redacted_thinking\",\"data\":");
                put_string(out, &STANDARD.encode(&open.redacted));
                out.put_slice(b"}}\n\n");
            }
            Kind::Text | Kind::Tool | Kind::Thinking => {}
        }
        out.put_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
        put_integer(out, self.next);
        out.put_slice(b"}\n\n");
        self.next += 1;
    }

    fn stop(&mut self, reason: StopReason, out: &mut BytesMut) {
        if reason.is_malformed() {
            return self.fail(&self.broken("The model wrote something that is not an answer."), out);
        }
        self.begin(out);
        loop {
            self.close(out);
            if self.held.is_empty() {
                break;
            }
            self.release(out);
        }
        self.state = State::Stopped(reason);
    }

    fn begin_block(&self, out: &mut BytesMut, block: &[u8]) {
        out.put_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
        put_integer(out, self.next);
        out.put_slice(b",\"content_block\":");
        out.put_slice(block);
    }

    fn begin_delta(&self, out: &mut BytesMut, kind: &[u8]) {
        out.put_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
        put_integer(out, self.next);
        out.put_slice(b",\"delta\":{\"type\":");
        out.put_slice(kind);
    }

    fn put_delta(&self, out: &mut BytesMut, kind: &[u8], text: &str) {
        self.begin_delta(out, kind);
        put_string(out, text);
        out.put_slice(b"}}\n\n");
    }

    fn put_citation(&self, out: &mut BytesMut, citation: &Value) {
        self.begin_delta(out, b"\"citations_delta\",\"citation\":");
        out.put_slice(citation.to_string().as_bytes());
        out.put_slice(b"}}\n\n");
    }

    fn broken(&self, message: &str) -> ErrorBody {
        let request_id = self.request_id.as_deref().map(str::to_owned);
        ErrorBody { request_id, ..broken(message) }
    }
}

impl Open {
    const fn new(block: u32, kind: Kind) -> Self {
        Self { block, kind, signature: String::new(), redacted: Vec::new() }
    }
}

/// Writes an error event.
pub(super) fn put_error(error: &ErrorBody, out: &mut BytesMut) {
    out.put_slice(b"event: error\ndata: ");
    out.put_slice(&render(Dialect::Anthropic, error).body);
    out.put_slice(b"\n\n");
}
