//! The streamed answer.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{Delta, Event, StopReason};
use outcrop_types::TokenUsage;

use super::Generation;
use super::response::Usage;
use crate::error::{ErrorBody, Problem, broken, to_vec};
use crate::escape::{put_integer, put_string};

/// Writes the events of one answer; see the module above for their shapes.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish), or [`fail`](Self::fail) if the model
/// failed. After `finish` or `fail` nothing more is written.
#[derive(Debug)]
pub struct GenerateStream {
    /// The `start` event, until it is written.
    start: Option<BytesMut>,
    stop: Option<StopReason>,
    usage: Option<TokenUsage>,
    ended: bool,
}

impl GenerateStream {
    /// A stream of which nothing is written yet.
    #[must_use]
    pub fn new(generation: &Generation<'_>) -> Self {
        let mut start = BytesMut::new();
        start.put_slice(b"event: start\ndata: {\"id\":");
        put_string(&mut start, generation.id);
        start.put_slice(b",\"object\":\"generation\",\"created\":");
        put_integer(&mut start, generation.created);
        start.put_slice(b",\"model\":");
        put_string(&mut start, generation.model);
        start.put_slice(b"}\n\n");
        Self { start: Some(start), stop: None, usage: None, ended: false }
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        if let Some(start) = self.start.take() {
            out.put_slice(&start);
        }
        match event {
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Stop(reason) if reason.is_malformed() => {
                self.fail(&broken("The model wrote something that is not an answer."), out);
            }
            Event::Stop(reason) => self.stop = Some(*reason),
            Event::Delta { delta: Delta::Text(text), .. } => self.delta(b"text", text, out),
            Event::Delta { delta: Delta::Reasoning(text), .. } => self.delta(b"reasoning", text, out),
            Event::Start
            | Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Extra(_) => {}
        }
    }

    /// Ends the stream with `done`, or with `error` if the model never stopped: the answer broke off.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        let Some(reason) = self.stop else {
            return self.fail(&broken("The model's answer broke off."), out);
        };
        out.put_slice(b"event: done\ndata: {\"stop_reason\":");
        put_string(out, reason.name());
        out.put_slice(b",\"usage\":");
        out.put_slice(&to_vec(&self.usage.as_ref().map(Usage::from)));
        out.put_slice(b"}\n\n");
        self.ended = true;
    }

    /// Ends the stream with an `error` event.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        out.put_slice(b"event: error\ndata: ");
        out.put_slice(&to_vec(&Problem::from(error)));
        out.put_slice(b"\n\n");
        self.ended = true;
    }

    fn delta(&self, field: &[u8], text: &str, out: &mut BytesMut) {
        if text.is_empty() || self.stop.is_some() {
            return;
        }
        out.put_slice(b"event: delta\ndata: {\"");
        out.put_slice(field);
        out.put_slice(b"\":");
        put_string(out, text);
        out.put_slice(b"}\n\n");
    }
}
