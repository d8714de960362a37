//! Converse's answer: as one JSON body, and as ConverseStream's events.

use super::extra::Echo;
use crate::answer::{Answer, AnswerBlock, Usage};
use crate::events::{Encoder, End, Events};
use crate::frames::{self, frame};
use crate::json::{number, raw, string};

/// The body of Converse.
pub(crate) fn whole(answer: &Answer, latency_ms: u64, echo: &Echo) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    raw(&mut out, r#"{"metrics":{"latencyMs":"#);
    number(&mut out, latency_ms);
    raw(&mut out, r#"},"output":{"message":{"content":["#);
    for (at, block) in answer.blocks.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match block {
            AnswerBlock::Text(text) => {
                raw(&mut out, r#"{"text":"#);
                string(&mut out, text);
                out.push(b'}');
            }
            AnswerBlock::Cited(text) => {
                raw(&mut out, r#"{"citationsContent":{"citations":["#);
                citation(&mut out, text);
                raw(&mut out, r#"],"content":[{"text":"#);
                string(&mut out, text);
                raw(&mut out, "}]}}");
            }
            AnswerBlock::Thinking { text, signature } => {
                raw(&mut out, r#"{"reasoningContent":{"reasoningText":{"signature":"#);
                string(&mut out, signature);
                raw(&mut out, r#","text":"#);
                string(&mut out, text);
                raw(&mut out, "}}}");
            }
            AnswerBlock::Redacted(data) => {
                raw(&mut out, r#"{"reasoningContent":{"redactedContent":"#);
                string(&mut out, data);
                raw(&mut out, "}}");
            }
            AnswerBlock::Tool { id, name, input } => {
                raw(&mut out, r#"{"toolUse":{"input":"#);
                raw(&mut out, input);
                raw(&mut out, r#","name":"#);
                string(&mut out, name);
                raw(&mut out, r#","toolUseId":"#);
                string(&mut out, id);
                raw(&mut out, "}}");
            }
        }
    }
    raw(&mut out, r#"],"role":"assistant"}},"stopReason":"#);
    string(&mut out, answer.stop.name());
    raw(&mut out, r#","usage":"#);
    usage(&mut out, &answer.usage, echo.caches);
    echo.response_fields(&mut out, answer.stop_sequence.as_deref(), &answer.usage);
    echo.settings(&mut out);
    echo.trace(&mut out);
    out.push(b'}');
    out
}

/// The whole text, found in the first document.
fn citation(out: &mut Vec<u8>, text: &str) {
    raw(out, r#"{"location":{"documentChar":{"documentIndex":0,"end":"#);
    number(out, text.chars().count() as u64);
    raw(out, r#","start":0}},"sourceContent":[{"text":"#);
    string(out, text);
    raw(out, r#"}],"title":"Document"}"#);
}

fn usage(out: &mut Vec<u8>, usage: &Usage, caches: bool) {
    raw(out, r#"{"inputTokens":"#);
    number(out, usage.input);
    raw(out, r#","outputTokens":"#);
    number(out, usage.output);
    raw(out, r#","totalTokens":"#);
    number(out, usage.total());
    if caches || usage.cache_read + usage.cache_write > 0 {
        raw(out, r#","cacheReadInputTokens":"#);
        number(out, usage.cache_read);
        raw(out, r#","cacheWriteInputTokens":"#);
        number(out, usage.cache_write);
    }
    if usage.cache_write > 0 {
        let long = usage.cache_write_1h.min(usage.cache_write);
        let kinds = [("1h", long), ("5m", usage.cache_write - long)];
        raw(out, r#","cacheDetails":["#);
        for (at, (ttl, tokens)) in kinds.iter().filter(|it| it.1 > 0).enumerate() {
            raw(out, if at > 0 { r#",{"ttl":"# } else { r#"{"ttl":"# });
            string(out, ttl);
            raw(out, r#","inputTokens":"#);
            number(out, *tokens);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// Writes ConverseStream's events.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    events: Events,
    echo: Echo,
    index: u64,
    /// Whether a block is open.
    open: bool,
    deltas: usize,
}

/// The service pads events to hide the length of tokens; SDKs skip the member.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

impl StreamEncoder {
    pub(crate) fn new(marked: bool, echo: Echo) -> Self {
        Self { events: Events::new(marked), echo, index: 0, open: false, deltas: 0 }
    }

    /// One `contentBlockDelta` whose `delta` member `write` fills.
    fn delta(&mut self, tokens: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.open = true;
        self.deltas += 1;
        let (index, pad) = (self.index, &PADDING[..1 + self.deltas * 17 % 61]);
        frame(&mut self.events.bytes, &frames::BLOCK_DELTA, |out| {
            raw(out, r#"{"contentBlockIndex":"#);
            number(out, index);
            raw(out, r#","delta":{"#);
            write(out);
            raw(out, r#"},"p":""#);
            raw(out, pad);
            raw(out, r#""}"#);
        });
        self.events.mark(tokens);
    }
}

impl Encoder for StreamEncoder {
    fn start(&mut self) {
        frame(&mut self.events.bytes, &frames::MESSAGE_START, |out| {
            raw(out, r#"{"p":"abcdefgh","role":"assistant"}"#)
        });
        self.events.mark(0);
    }

    fn thinking(&mut self, text: &str, tokens: u32) {
        self.delta(tokens, |out| {
            raw(out, r#""reasoningContent":{"text":"#);
            string(out, text);
            out.push(b'}');
        });
    }

    fn signature(&mut self, signature: &str) {
        self.delta(0, |out| {
            raw(out, r#""reasoningContent":{"signature":"#);
            string(out, signature);
            out.push(b'}');
        });
    }

    fn redacted(&mut self, data: &str) {
        self.delta(0, |out| {
            raw(out, r#""reasoningContent":{"redactedContent":"#);
            string(out, data);
            out.push(b'}');
        });
    }

    fn text(&mut self, text: &str, tokens: u32) {
        self.delta(tokens, |out| {
            raw(out, r#""text":"#);
            string(out, text);
        });
    }

    fn citation(&mut self, text: &str) {
        self.delta(0, |out| {
            raw(out, r#""citation":"#);
            citation(out, text);
        });
    }

    fn tool(&mut self, id: &str, name: &str) {
        self.open = true;
        let index = self.index;
        frame(&mut self.events.bytes, &frames::BLOCK_START, |out| {
            raw(out, r#"{"contentBlockIndex":"#);
            number(out, index);
            raw(out, r#","p":"abcdefghijkl","start":{"toolUse":{"name":"#);
            string(out, name);
            raw(out, r#","toolUseId":"#);
            string(out, id);
            raw(out, "}}}");
        });
        self.events.mark(1);
    }

    fn tool_input(&mut self, json: &str, tokens: u32) {
        self.delta(tokens, |out| {
            raw(out, r#""toolUse":{"input":"#);
            string(out, json);
            out.push(b'}');
        });
    }

    fn close(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        let index = self.index;
        frame(&mut self.events.bytes, &frames::BLOCK_STOP, |out| {
            raw(out, r#"{"contentBlockIndex":"#);
            number(out, index);
            raw(out, r#","p":"abcdefghijklmn"}"#);
        });
        self.events.mark(0);
        self.index += 1;
    }

    fn finish(&mut self, end: &End<'_>) {
        let echo = &self.echo;
        frame(&mut self.events.bytes, &frames::MESSAGE_STOP, |out| {
            raw(out, r#"{"p":"abcdefghij","stopReason":"#);
            string(out, end.stop.name());
            echo.response_fields(out, end.stop_sequence, &end.usage);
            out.push(b'}');
        });
        self.events.mark(0);
        frame(&mut self.events.bytes, &frames::METADATA, |out| {
            raw(out, r#"{"metrics":{"latencyMs":"#);
            number(out, end.latency_ms);
            raw(out, r#"},"p":"abcdefghijklmnop","usage":"#);
            usage(out, &end.usage, echo.caches);
            echo.settings(out);
            echo.trace(out);
            out.push(b'}');
        });
        self.events.mark(0);
    }

    fn events(&mut self) -> &mut Events {
        &mut self.events
    }
}
