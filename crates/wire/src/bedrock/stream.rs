//! The streamed answer: ConverseStream's events in frames of AWS's event stream.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event};
use outcrop_types::{ErrorCode, TokenUsage};

use super::event_stream::{put_event, put_exception};
use super::response::{put_blob, put_usage_and_metrics};
use crate::Dialect;
use crate::error::{ErrorBody, render};
use crate::escape::{put_integer, put_string};

/// Writes the events of one answer as Converse's.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish), or [`fail`](Self::fail) if the model
/// failed. After `finish` or `fail` nothing more is written.
#[derive(Debug, Default)]
pub struct ConverseStream {
    state: State,
    usage: Option<TokenUsage>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing written yet.
    #[default]
    New,
    /// `messageStart` is written.
    Open,
    /// `messageStop` is written.
    Stopped,
    /// `metadata` or an exception is written.
    Ended,
}

impl ConverseStream {
    /// Writes what an event adds for the client. Usage is kept for the end.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Usage(usage) => self.usage = Some(*usage),
            _ if matches!(self.state, State::Stopped | State::Ended) => {}
            Event::Stop(reason) if reason.is_malformed() => {
                self.fail(&broken("The model wrote something that is not an answer."), out);
            }
            _ => {
                self.open(out);
                self.put(event, out);
            }
        }
    }

    /// Ends the stream: `metadata`, if usage is known; `latency_ms` is how long the call of the model took.
    ///
    /// If the model never stopped, the answer broke off: that is an exception.
    pub fn finish(&mut self, latency_ms: u64, out: &mut BytesMut) {
        match self.state {
            State::Ended => {}
            State::New | State::Open => self.fail(&broken("The model's answer broke off."), out),
            State::Stopped => {
                self.state = State::Ended;
                let Some(usage) = self.usage else { return };
                put_event(out, "metadata", |out| {
                    out.put_u8(b'{');
                    put_usage_and_metrics(out, &usage, latency_ms);
                    out.put_u8(b'}');
                });
            }
        }
    }

    /// Ends the stream with an exception, which SDKs raise.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        self.state = State::Ended;
        put_exception(out, exception(error.code), |out| {
            out.put_slice(&render(Dialect::Bedrock, error).body);
        });
    }

    fn open(&mut self, out: &mut BytesMut) {
        if self.state == State::New {
            self.state = State::Open;
            put_event(out, "messageStart", |out| out.put_slice(b"{\"role\":\"assistant\"}"));
        }
    }

    fn put(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start | Event::Extra(_) | Event::Usage(_) => {}
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                put_event(out, "contentBlockStart", |out| {
                    put_index(out, *index);
                    out.put_slice(b",\"start\":{\"toolUse\":{\"toolUseId\":");
                    put_string(out, id);
                    out.put_slice(b",\"name\":");
                    put_string(out, name);
                    out.put_slice(b"}}}");
                });
            }
            Event::Delta { index, delta } => put_event(out, "contentBlockDelta", |out| {
                put_index(out, *index);
                out.put_slice(b",\"delta\":{");
                put_delta(out, delta);
                out.put_slice(b"}}");
            }),
            Event::BlockStop { index } => put_event(out, "contentBlockStop", |out| {
                put_index(out, *index);
                out.put_u8(b'}');
            }),
            Event::Stop(reason) => {
                self.state = State::Stopped;
                put_event(out, "messageStop", |out| {
                    out.put_slice(b"{\"stopReason\":");
                    put_string(out, reason.name());
                    out.put_u8(b'}');
                });
            }
        }
    }
}

fn put_index(out: &mut BytesMut, index: u32) {
    out.put_slice(b"{\"contentBlockIndex\":");
    put_integer(out, index);
}

fn put_delta(out: &mut BytesMut, delta: &Delta) {
    let (before, text, after): (&[u8], _, &[u8]) = match delta {
        Delta::Text(text) => (b"\"text\":", text, b""),
        Delta::ToolInput(json) => (b"\"toolUse\":{\"input\":", json, b"}"),
        Delta::Reasoning(text) => (b"\"reasoningContent\":{\"text\":", text, b"}"),
        Delta::Signature(signature) => (b"\"reasoningContent\":{\"signature\":", signature, b"}"),
        Delta::RedactedReasoning(bytes) => {
            out.put_slice(b"\"reasoningContent\":{\"redactedContent\":");
            put_blob(out, bytes);
            return out.put_u8(b'}');
        }
        Delta::Citation(citation) => {
            out.put_slice(b"\"citation\":");
            return out.put_slice(citation.to_string().as_bytes());
        }
    };
    out.put_slice(before);
    put_string(out, text);
    out.put_slice(after);
}

/// The exceptions a stream knows are fewer than those of a call.
const fn exception(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "validationException",
        ErrorCode::RateLimited => "throttlingException",
        ErrorCode::Unavailable => "serviceUnavailableException",
        ErrorCode::Upstream | ErrorCode::Timeout => "modelStreamErrorException",
        _ => "internalServerException",
    }
}

fn broken(message: &str) -> ErrorBody {
    ErrorBody { code: ErrorCode::Upstream, message: message.into(), param: None, request_id: None }
}
