//! Anthropic's answer: one message, or the events of its stream inside Bedrock's `chunk` frames.

use crate::answer::{Answer, AnswerBlock, Stop, Usage};
use crate::events::{Encoder, End, Events};
use crate::frames::{self, frame};
use crate::hash;
use crate::json::{number, raw, string};
use crate::models::Model;
use base64::Engine as _;

/// The model's name in Anthropic's own API: the id without provider and Bedrock's version.
pub(crate) fn model_name(model: &Model) -> &str {
    let name = model.id.strip_prefix("anthropic.").unwrap_or(&model.id);
    let name = name.split(':').next().unwrap_or(name);
    name.strip_suffix("-v1").or(name.strip_suffix("-v2")).unwrap_or(name)
}

/// Anthropic's word for it; what Bedrock's guardrails or filters stop is a refusal here.
fn stop_reason(stop: Stop) -> &'static str {
    match stop {
        Stop::EndTurn | Stop::MalformedOutput | Stop::MalformedToolUse => "end_turn",
        Stop::ToolUse => "tool_use",
        Stop::MaxTokens => "max_tokens",
        Stop::Sequence => "stop_sequence",
        Stop::Guardrail | Stop::ContentFiltered => "refusal",
        Stop::ContextWindow => "model_context_window_exceeded",
    }
}

/// The id of a message, the same for the same request.
pub(crate) fn message_id(body: &[u8]) -> String {
    format!("msg_bdrk_01{}", hash::id22(hash::of(body)))
}

/// The body of InvokeModel.
/// `members` are what Bedrock adds to it.
pub(crate) fn whole(model: &Model, id: &str, answer: &Answer, members: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    raw(&mut out, r#"{"model":"#);
    string(&mut out, model_name(model));
    raw(&mut out, r#","id":"#);
    string(&mut out, id);
    raw(&mut out, r#","type":"message","role":"assistant","content":["#);
    for (at, block) in answer.blocks.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match block {
            AnswerBlock::Text(text) => {
                raw(&mut out, r#"{"type":"text","text":"#);
                string(&mut out, text);
            }
            AnswerBlock::Cited(text) => {
                raw(&mut out, r#"{"type":"text","text":"#);
                string(&mut out, text);
                raw(&mut out, r#","citations":["#);
                citation(&mut out, text);
                out.push(b']');
            }
            AnswerBlock::Thinking { text, signature } => {
                raw(&mut out, r#"{"type":"thinking","thinking":"#);
                string(&mut out, text);
                raw(&mut out, r#","signature":"#);
                string(&mut out, signature);
            }
            AnswerBlock::Redacted(data) => {
                raw(&mut out, r#"{"type":"redacted_thinking","data":"#);
                string(&mut out, data);
            }
            AnswerBlock::Tool { id, name, input } => {
                raw(&mut out, r#"{"type":"tool_use","id":"#);
                string(&mut out, id);
                raw(&mut out, r#","name":"#);
                string(&mut out, name);
                raw(&mut out, r#","input":"#);
                raw(&mut out, input);
            }
        }
        out.push(b'}');
    }
    raw(&mut out, "],");
    ending(&mut out, answer.stop, answer.stop_sequence.as_deref());
    raw(&mut out, r#","usage":"#);
    usage(&mut out, &answer.usage, answer.usage.output);
    raw(&mut out, members);
    out.push(b'}');
    out
}

/// The whole text, found in the first document.
fn citation(out: &mut Vec<u8>, text: &str) {
    raw(out, r#"{"type":"char_location","cited_text":"#);
    string(out, text);
    raw(out, r#","document_index":0,"document_title":"Document","start_char_index":0,"end_char_index":"#);
    number(out, text.chars().count() as u64);
    out.push(b'}');
}

fn ending(out: &mut Vec<u8>, stop: Stop, sequence: Option<&str>) {
    raw(out, r#""stop_reason":"#);
    string(out, stop_reason(stop));
    raw(out, r#","stop_sequence":"#);
    match sequence.filter(|_| stop == Stop::Sequence) {
        Some(sequence) => string(out, sequence),
        None => raw(out, "null"),
    }
}

fn usage(out: &mut Vec<u8>, usage: &Usage, output: u64) {
    let long = usage.cache_write_1h.min(usage.cache_write);
    let fields = [
        (r#"{"input_tokens":"#, usage.input),
        (r#","cache_creation_input_tokens":"#, usage.cache_write),
        (r#","cache_read_input_tokens":"#, usage.cache_read),
        (r#","cache_creation":{"ephemeral_5m_input_tokens":"#, usage.cache_write - long),
        (r#","ephemeral_1h_input_tokens":"#, long),
        (r#"},"output_tokens":"#, output),
    ];
    for (key, value) in fields {
        raw(out, key);
        number(out, value);
    }
    // The input side of a stream's beginning has counted nothing yet.
    if usage.thinking > 0 && output > 1 {
        raw(out, r#","output_tokens_details":{"thinking_tokens":"#);
        number(out, usage.thinking);
        out.push(b'}');
    }
    out.push(b'}');
}

/// Which block is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    No,
    Text,
    Thinking,
    Redacted,
    Tool,
}

/// Writes the events.
#[derive(Debug)]
pub(crate) struct StreamEncoder {
    events: Events,
    model: String,
    id: String,
    input: Usage,
    index: u64,
    open: Open,
    /// The event being built, before base64.
    scratch: Vec<u8>,
    /// What Bedrock adds to the last event.
    members: String,
}

impl StreamEncoder {
    pub(crate) fn new(marked: bool, model: &Model, id: String, input: Usage) -> Self {
        let model = model_name(model).to_owned();
        Self {
            events: Events::new(marked),
            model,
            id,
            input,
            index: 0,
            open: Open::No,
            scratch: Vec::new(),
            members: String::new(),
        }
    }

    /// With what Bedrock adds to the last event.
    pub(crate) fn with_members(mut self, members: String) -> Self {
        self.members = members;
        self
    }

    fn chunk(&mut self, tokens: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        let scratch = &self.scratch;
        frame(&mut self.events.bytes, &frames::CHUNK, |out| {
            raw(out, r#"{"bytes":""#);
            let start = out.len();
            out.resize(start + scratch.len().div_ceil(3) * 4, 0);
            // The room was measured, so this cannot fail.
            let _infallible =
                base64::engine::general_purpose::STANDARD.encode_slice(scratch, &mut out[start..]);
            raw(out, r#"","p":"abcdefghijkl"}"#);
        });
        self.events.mark(tokens);
    }

    fn open(&mut self, open: Open, block: &str) {
        if self.open == open {
            return;
        }
        self.close();
        self.open = open;
        let index = self.index;
        self.chunk(0, |out| {
            raw(out, r#"{"type":"content_block_start","index":"#);
            number(out, index);
            raw(out, r#","content_block":"#);
            raw(out, block);
            out.push(b'}');
        });
    }

    fn delta(&mut self, tokens: u32, key: &str, value: &str) {
        let index = self.index;
        self.chunk(tokens, |out| {
            raw(out, r#"{"type":"content_block_delta","index":"#);
            number(out, index);
            raw(out, r#","delta":{"type":"#);
            raw(out, key);
            string(out, value);
            raw(out, "}}");
        });
    }
}

impl Encoder for StreamEncoder {
    fn start(&mut self) {
        let (model, id, input) = (std::mem::take(&mut self.model), std::mem::take(&mut self.id), self.input);
        self.chunk(0, |out| {
            raw(out, r#"{"type":"message_start","message":{"model":"#);
            string(out, &model);
            raw(out, r#","id":"#);
            string(out, &id);
            raw(out, r#","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":"#);
            usage(out, &input, 1);
            raw(out, "}}");
        });
    }

    fn thinking(&mut self, text: &str, tokens: u32) {
        self.open(Open::Thinking, r#"{"type":"thinking","thinking":"","signature":""}"#);
        self.delta(tokens, r#""thinking_delta","thinking":"#, text);
    }

    fn signature(&mut self, signature: &str) {
        self.open(Open::Thinking, r#"{"type":"thinking","thinking":"","signature":""}"#);
        self.delta(0, r#""signature_delta","signature":"#, signature);
    }

    fn redacted(&mut self, data: &str) {
        let mut block = br#"{"type":"redacted_thinking","data":"#.to_vec();
        string(&mut block, data);
        block.push(b'}');
        self.close();
        self.open(Open::Redacted, &String::from_utf8_lossy(&block));
    }

    fn text(&mut self, text: &str, tokens: u32) {
        self.open(Open::Text, r#"{"type":"text","text":""}"#);
        self.delta(tokens, r#""text_delta","text":"#, text);
    }

    fn citation(&mut self, text: &str) {
        let index = self.index;
        self.chunk(0, |out| {
            raw(out, r#"{"type":"content_block_delta","index":"#);
            number(out, index);
            raw(out, r#","delta":{"type":"citations_delta","citation":"#);
            citation(out, text);
            raw(out, "}}");
        });
    }

    fn tool(&mut self, id: &str, name: &str) {
        let mut block = br#"{"type":"tool_use","id":"#.to_vec();
        string(&mut block, id);
        raw(&mut block, r#","name":"#);
        string(&mut block, name);
        raw(&mut block, r#","input":{}}"#);
        self.close();
        self.open(Open::Tool, &String::from_utf8_lossy(&block));
        // Anthropic begins every input with an empty piece.
        self.delta(1, r#""input_json_delta","partial_json":"#, "");
    }

    fn tool_input(&mut self, json: &str, tokens: u32) {
        self.delta(tokens, r#""input_json_delta","partial_json":"#, json);
    }

    fn close(&mut self) {
        if self.open == Open::No {
            return;
        }
        self.open = Open::No;
        let index = self.index;
        self.chunk(0, |out| {
            raw(out, r#"{"type":"content_block_stop","index":"#);
            number(out, index);
            out.push(b'}');
        });
        self.index += 1;
    }

    fn finish(&mut self, end: &End<'_>) {
        let members = std::mem::take(&mut self.members);
        self.chunk(0, |out| {
            raw(out, r#"{"type":"message_delta","delta":{"#);
            ending(out, end.stop, end.stop_sequence);
            raw(out, r#"},"usage":"#);
            usage(out, &end.usage, end.usage.output);
            out.push(b'}');
        });
        self.chunk(0, |out| {
            let fields = [
                (r#"{"inputTokenCount":"#, end.usage.input),
                (r#","outputTokenCount":"#, end.usage.output),
                (r#","invocationLatency":"#, end.latency_ms),
                (r#","firstByteLatency":"#, end.first_byte_ms),
                (r#","cacheReadInputTokenCount":"#, end.usage.cache_read),
                (r#","cacheWriteInputTokenCount":"#, end.usage.cache_write),
            ];
            raw(out, r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":"#);
            for (key, value) in fields {
                raw(out, key);
                number(out, value);
            }
            out.push(b'}');
            raw(out, &members);
            out.push(b'}');
        });
    }

    fn events(&mut self) -> &mut Events {
        &mut self.events
    }
}
