//! The streamed answer: `text_completion` objects as server-sent events, then `[DONE]`.

use bytes::{BufMut, BytesMut};
use outcrop_chat::{Delta, Event, StopReason};
use outcrop_types::TokenUsage;

use super::reason;
use crate::error::{ErrorBody, broken};
use crate::escape::{put_escaped, put_integer, put_string};
use crate::openai::stream::{StreamHead, put_error};
use crate::openai::usage::put_usage;

/// Writes the events of one choice as OpenAI's chunks.
///
/// [`push`](Self::push) each event, then [`end_choice`](Self::end_choice), or [`fail`](Self::fail) if the model
/// failed; the stream of all choices is ended with [`close`](Self::close).
#[derive(Debug)]
pub struct CompletionStream {
    /// `data: {"id":…,"model":…`, which every chunk begins with.
    prefix: Box<[u8]>,
    index: usize,
    include_usage: bool,
    /// What stands before the model's words, until it is written.
    echo: String,
    stopped: Option<StopReason>,
    ended: bool,
}

impl CompletionStream {
    /// The stream of the choice of this index, of which nothing is written yet; its text begins with `echo`.
    #[must_use]
    pub fn new(head: StreamHead<'_>, index: usize, echo: String) -> Self {
        let mut prefix = BytesMut::with_capacity(192 + head.id.len() + head.model.len());
        prefix.put_slice(b"data: {\"id\":");
        put_string(&mut prefix, head.id);
        prefix.put_slice(b",\"object\":\"text_completion\",\"created\":");
        put_integer(&mut prefix, head.created);
        prefix.put_slice(b",\"model\":");
        put_string(&mut prefix, head.model);
        prefix.put_slice(b",\"system_fingerprint\":null");
        Self {
            prefix: prefix.as_ref().into(),
            index,
            include_usage: head.include_usage,
            echo,
            stopped: None,
            ended: false,
        }
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.ended || self.stopped.is_some() {
            return;
        }
        match event {
            Event::Start => self.begin(out),
            Event::Delta { delta: Delta::Text(text), .. } => {
                self.begin(out);
                self.chunk(text, None, out);
            }
            Event::Stop(reason) if reason.is_malformed() => {
                self.fail(&broken("The model wrote something that is not an answer."), out);
            }
            Event::Stop(reason) => {
                self.begin(out);
                self.stopped = Some(*reason);
            }
            _ => {}
        }
    }

    /// Ends this choice and not the stream; whether it is whole. If the model never stopped, that is an error event.
    pub fn end_choice(&mut self, out: &mut BytesMut) -> bool {
        if self.ended {
            return false;
        }
        let Some(stopped) = self.stopped else {
            self.fail(&broken("The model's answer broke off."), out);
            return false;
        };
        self.chunk("", Some(reason(stopped)), out);
        self.ended = true;
        true
    }

    /// Ends a stream whose choices have all ended: their usage together, if it was asked for and is known, then `[DONE]`.
    pub fn close(&self, usage: Option<TokenUsage>, out: &mut BytesMut) {
        if let Some(usage) = usage.filter(|_| self.include_usage) {
            out.put_slice(&self.prefix);
            out.put_slice(b",\"choices\":[],\"usage\":");
            put_usage(out, &usage);
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    /// Ends the stream with an error event.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if !self.ended {
            put_error(out, error);
            self.ended = true;
        }
    }

    /// The prompt comes first, where it is to be echoed.
    fn begin(&mut self, out: &mut BytesMut) {
        let echo = std::mem::take(&mut self.echo);
        self.chunk(&echo, None, out);
    }

    fn chunk(&self, text: &str, finish_reason: Option<&str>, out: &mut BytesMut) {
        if text.is_empty() && finish_reason.is_none() {
            return;
        }
        out.put_slice(&self.prefix);
        out.put_slice(b",\"choices\":[{\"text\":\"");
        put_escaped(out, text);
        out.put_slice(b"\",\"index\":");
        put_integer(out, self.index);
        out.put_slice(b",\"logprobs\":null,\"finish_reason\":");
        match finish_reason {
            None => out.put_slice(b"null"),
            Some(reason) => put_string(out, reason),
        }
        out.put_slice(if self.include_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" });
    }
}
