//! The streamed answer of InvokeModel, on its way to the client.

use bytes::{BufMut, BytesMut};
use outcrop_types::{ErrorCode, TokenUsage};
use serde_json::value::RawValue;

use super::super::stream::put_error;
use super::answer::put_fields;
use super::chunk::{Chunk, ChunkKind};
use super::object::{Object, Writer};
use crate::error::ErrorBody;

/// Writes Claude's events as they are, each with its name.
///
/// Only two are touched: `message_start` gets the model's name as the client asked for it, and `message_stop` waits for
/// [`finish`](Self::finish) and goes without what Bedrock adds to it.
#[derive(Debug)]
pub struct ClaudeStream {
    model: Box<str>,
    request_id: Option<Box<str>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// `message_stop` has come.
    Stopped,
    Ended,
}

impl ClaudeStream {
    /// A stream of which nothing is written yet; the request's id stands in an error event.
    #[must_use]
    pub fn new(model: &str, request_id: Option<&str>) -> Self {
        Self { model: model.into(), request_id: request_id.map(Into::into), state: State::Open }
    }

    /// Writes an event.
    pub fn push(&mut self, chunk: &Chunk, out: &mut BytesMut) {
        if self.state != State::Open {
            return;
        }
        if chunk.kind == ChunkKind::Stop {
            self.state = State::Stopped;
            return;
        }
        out.put_slice(b"event: ");
        out.put_slice(chunk.name.as_bytes());
        out.put_slice(b"\ndata: ");
        match chunk.kind {
            ChunkKind::Start => self.put_start(chunk, out),
            ChunkKind::Stop | ChunkKind::Other => put_lines(&chunk.json, out),
        }
        out.put_slice(b"\n\n");
    }

    /// Ends the stream with `message_stop`, or with an error if that never came.
    pub fn finish(&mut self, out: &mut BytesMut) {
        match self.state {
            State::Ended => {}
            State::Open => {
                let message = "The model's answer broke off.".to_owned();
                let request_id = self.request_id.as_deref().map(str::to_owned);
                self.fail(&ErrorBody { code: ErrorCode::Upstream, message, param: None, request_id }, out);
            }
            State::Stopped => {
                out.put_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
                self.state = State::Ended;
            }
        }
    }

    /// Ends the stream with an error event.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state != State::Ended {
            put_error(error, out);
            self.state = State::Ended;
        }
    }

    fn put_start(&self, chunk: &Chunk, out: &mut BytesMut) {
        let Ok(event) = serde_json::from_slice::<Object<'_>>(&chunk.json) else {
            return put_lines(&chunk.json, out);
        };
        let mut writer = Writer::begin(out);
        for (name, value) in &event.0 {
            match message(name, value) {
                Some(fields) => {
                    let mut inner = Writer::begin(writer.name(name));
                    put_fields(&mut inner, &fields, &self.model);
                    inner.end();
                }
                None => writer.raw(name, value.get()),
            }
        }
        writer.end();
    }
}

impl Chunk {
    /// What was used so far, where the event tells; counts that it leaves out are those known before.
    #[must_use]
    pub fn usage_over(&self, known: TokenUsage) -> Option<TokenUsage> {
        self.usage.map(|usage| usage.over(known))
    }
}

fn message<'a>(name: &str, value: &'a RawValue) -> Option<Object<'a>> {
    (name == "message").then(|| Object::read(value)).flatten()
}

/// JSON may hold line feeds between its values, which would end an SSE line.
fn put_lines(json: &[u8], out: &mut BytesMut) {
    for (at, line) in json.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
        if at > 0 {
            out.put_slice(b"\ndata: ");
        }
        out.put_slice(line);
    }
}
