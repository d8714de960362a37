//! Ollama's lines as they come, as events of the dialect that was asked in.

use super::{ChatLine, arguments, call_id};
use crate::answer::{Stop, Usage, signature};
use crate::charges::{Call, ChargedOutcome};
use crate::counters::Counters;
use crate::errors::{Exception, Refusal};
use crate::events::{Encoder, End};
use crate::frames::{Kind, frame};
use bytes::Bytes;
use futures::{Stream, stream as streams};
use std::io;
use std::time::Instant;

/// Longest line that is read.
const MAX_LINE: usize = 4 << 20;

/// Which block is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    No,
    Text,
    Thinking,
}

struct Live<E> {
    response: reqwest::Response,
    encoder: E,
    line: Vec<u8>,
    open: Open,
    thought: String,
    calls: usize,
    id_prefix: &'static str,
    turns: usize,
    started: Instant,
    told: Told,
    done: bool,
}

/// Who is told what an answer used, once Ollama has said it.
pub(crate) struct Told {
    pub(crate) counters: Counters,
    pub(crate) call: Call,
}

/// The event stream of an answer; `encoder` has written nothing yet.
pub(crate) fn stream<E: Encoder + 'static>(
    response: reqwest::Response,
    mut encoder: E,
    id_prefix: &'static str,
    turns: usize,
    started: Instant,
    told: Told,
) -> impl Stream<Item = Result<Bytes, io::Error>> {
    encoder.start();
    let live = Live {
        response,
        encoder,
        line: Vec::new(),
        open: Open::No,
        thought: String::new(),
        calls: 0,
        id_prefix,
        turns,
        started,
        told,
        done: false,
    };
    streams::unfold(live, |mut live| async move {
        loop {
            let ready = std::mem::take(&mut live.encoder.events().bytes);
            if !ready.is_empty() {
                return Some((Ok(Bytes::from(ready)), live));
            }
            if live.done {
                return None;
            }
            live.more().await;
        }
    })
}

impl<E: Encoder> Live<E> {
    /// Reads what Ollama sends next and encodes the lines that became whole.
    async fn more(&mut self) {
        match self.response.chunk().await {
            Ok(Some(bytes)) => {
                self.line.extend_from_slice(&bytes);
                while let Some(end) = self.line.iter().position(|it| *it == b'\n') {
                    let line: Vec<u8> = self.line.drain(..=end).collect();
                    self.line(&line);
                }
                if self.line.len() > MAX_LINE {
                    self.fail("Ollama sent a line that is too long.");
                }
            }
            Ok(None) if !self.done => {
                // The last line may lack its end.
                let line = std::mem::take(&mut self.line);
                self.line(&line);
                if !self.done {
                    self.fail("Ollama's answer ended early.");
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "Ollama's answer broke off");
                self.fail("Ollama's answer broke off.");
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        if self.done || line.trim_ascii().is_empty() {
            return;
        }
        let line: ChatLine = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(_) => return self.fail("Ollama sent a line that is not JSON."),
        };
        if let Some(error) = &line.error {
            return self.fail(error);
        }
        if let Some(text) = line.message.thinking.as_deref().filter(|it| !it.is_empty()) {
            self.switch(Open::Thinking);
            self.thought.push_str(text);
            self.encoder.thinking(text, 1);
        }
        if !line.message.content.is_empty() {
            self.switch(Open::Text);
            self.encoder.text(&line.message.content, 1);
        }
        for call in &line.message.tool_calls {
            self.switch(Open::No);
            let id = call_id(self.id_prefix, self.turns, self.calls, &call.function);
            self.calls += 1;
            self.encoder.tool(&id, &call.function.name);
            self.encoder.tool_input(&arguments(&call.function), 1);
            self.encoder.close();
        }
        if line.done {
            self.finish(&line);
        }
    }

    /// Ends the open block if it is another one.
    fn switch(&mut self, to: Open) {
        if self.open == to {
            return;
        }
        if self.open == Open::Thinking {
            let signature = signature(&std::mem::take(&mut self.thought));
            self.encoder.signature(&signature);
        }
        if self.open != Open::No {
            self.encoder.close();
        }
        self.open = to;
    }

    fn finish(&mut self, line: &ChatLine) {
        self.switch(Open::No);
        let stop: Stop = line.stop(self.calls > 0);
        let usage = Usage { input: line.prompt_eval_count, output: line.eval_count, ..Usage::default() };
        self.told.counters.answered(usage.input, usage.output);
        self.told.call.made(usage);
        self.told.call.ends(ChargedOutcome::Answered);
        let latency_ms = self.started.elapsed().as_millis() as u64;
        self.encoder.finish(&End { stop, stop_sequence: None, usage, latency_ms, first_byte_ms: latency_ms });
        self.done = true;
    }

    /// Ends the stream with an exception, as Bedrock does when a model fails in mid-stream.
    fn fail(&mut self, message: &str) {
        let exception = Exception::ModelStreamError;
        let body = Refusal::new(exception, message.to_owned()).body();
        let events = self.encoder.events();
        frame(&mut events.bytes, &Kind::exception(exception.stream_member()), |out| {
            out.extend_from_slice(&body)
        });
        self.told.call.ends(ChargedOutcome::Failed);
        self.done = true;
    }
}
