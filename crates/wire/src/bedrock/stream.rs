//! The streamed answer: ConverseStream's events in frames of AWS's event stream.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, Extra, StopReason};
use outcrop_types::{ErrorCode, TokenUsage};

use super::event_stream::{put_event, put_exception};
use super::response::{put_blob, put_fields, put_metrics, put_settings, put_usage};
use crate::Dialect;
use crate::error::{ErrorBody, broken, render};
use crate::escape::{put_integer, put_string};

/// Writes the events of one answer as Converse's.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish), or [`fail`](Self::fail) if the model
/// failed. After `finish` or `fail` nothing more is written.
///
/// `messageStop` is held back until what it tells besides the reason is known, which is at once in a whole stream.
#[derive(Debug, Default)]
pub struct ConverseStream {
    state: State,
    /// Why the model stopped, until it is written.
    stop: Option<StopReason>,
    extra: Extra,
    usage: Option<TokenUsage>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing written yet.
    #[default]
    New,
    /// `messageStart` is written.
    Open,
    /// The model stopped.
    Stopped,
    /// `metadata` or an exception is written.
    Ended,
}

impl ConverseStream {
    /// Writes what an event adds for the client. Usage is kept for the end.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Usage(usage) => {
                self.usage = Some(*usage);
                self.put_stop(out);
            }
            Event::Extra(extra) => {
                self.extra = (**extra).clone();
                self.put_stop(out);
            }
            _ if matches!(self.state, State::Stopped | State::Ended) => {}
            Event::Stop(reason) if reason.is_malformed() => {
                self.fail(&broken("The model wrote something that is not an answer."), out);
            }
            Event::Stop(reason) => {
                self.open(out);
                self.state = State::Stopped;
                self.stop = Some(*reason);
            }
            _ => {
                self.open(out);
                self.put(event, out);
            }
        }
    }

    /// Ends the stream: `metadata`, if there is something to tell; `latency_ms` is how long the call of the model took.
    ///
    /// If the model never stopped, the answer broke off: that is an exception.
    pub fn finish(&mut self, latency_ms: u64, out: &mut BytesMut) {
        match self.state {
            State::Ended => {}
            State::New | State::Open => self.fail(&broken("The model's answer broke off."), out),
            State::Stopped => {
                self.put_stop(out);
                self.state = State::Ended;
                self.put_metadata(latency_ms, out);
            }
        }
    }

    /// Ends the stream with an exception, which SDKs raise.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        self.state = State::Ended;
        // A stop that nobody was told of yet is none any more.
        self.stop = None;
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

    /// `messageStop`, if the model stopped and it is not written yet.
    fn put_stop(&mut self, out: &mut BytesMut) {
        let Some(reason) = self.stop.take() else { return };
        put_event(out, "messageStop", |out| {
            out.put_slice(b"{\"stopReason\":");
            put_string(out, reason.name());
            put_fields(out, self.extra.fields.as_ref());
            out.put_u8(b'}');
        });
    }

    fn put_metadata(&self, latency_ms: u64, out: &mut BytesMut) {
        let told = self.extra.trace.is_some()
            || self.extra.service_tier.is_some()
            || self.extra.optimized_latency.is_some();
        if self.usage.is_none() && !told {
            return;
        }
        put_event(out, "metadata", |out| {
            out.put_u8(b'{');
            if let Some(usage) = &self.usage {
                put_usage(out, usage);
                out.put_u8(b',');
            }
            put_metrics(out, latency_ms);
            put_settings(out, &self.extra);
            out.put_u8(b'}');
        });
    }

    fn put(&self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start | Event::Stop(_) | Event::Extra(_) | Event::Usage(_) => {}
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
pub(super) const fn exception(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidRequest => "validationException",
        ErrorCode::RateLimited => "throttlingException",
        ErrorCode::Unavailable => "serviceUnavailableException",
        ErrorCode::Upstream | ErrorCode::Timeout => "modelStreamErrorException",
        _ => "internalServerException",
    }
}
