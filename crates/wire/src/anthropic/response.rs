//! The whole answer, in one JSON object.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, Reasoning, Response, StopReason};

use super::citations::citation;
use super::usage::put_usage;
use crate::ToolNames;
use crate::escape::put_string;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `msg_…`
    pub id: &'a str,
    /// The model, as the client named it.
    pub model: &'a str,
    /// Whether thoughts are told without their text.
    pub hide_thinking: bool,
}

/// Writes the answer.
#[must_use]
pub fn response(answer: &Answer<'_>, response: &Response, names: &ToolNames) -> Bytes {
    let text: usize =
        response.content.iter().map(|it| if let Block::Text(it) = it { it.len() } else { 64 }).sum();
    let mut out = BytesMut::with_capacity(text + text / 8 + 512);
    out.put_slice(b"{\"id\":");
    put_string(&mut out, answer.id);
    out.put_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    put_string(&mut out, answer.model);
    out.put_slice(b",\"content\":[");
    let mut first = true;
    for block in &response.content {
        put_block(&mut out, block, answer.hide_thinking, names, &mut first);
    }
    let called = response.content.iter().any(|block| matches!(block, Block::ToolUse(_)));
    out.put_slice(b"],");
    put_stop(&mut out, response.stop_reason, called, response.extra.stop_sequence.as_deref());
    out.put_slice(b",\"usage\":");
    put_usage(&mut out, &response.usage, &response.extra);
    out.put_u8(b'}');
    out.freeze()
}

fn put_block(out: &mut BytesMut, block: &Block, hide_thinking: bool, names: &ToolNames, first: &mut bool) {
    let mut begin = |out: &mut BytesMut, head: &[u8]| {
        if !std::mem::take(first) {
            out.put_u8(b',');
        }
        out.put_slice(head);
    };
    match block {
        Block::Text(text) => {
            begin(out, b"{\"type\":\"text\",\"text\":");
            put_string(out, text);
        }
        Block::Cited(cited) => {
            begin(out, b"{\"type\":\"text\",\"text\":");
            put_string(out, &cited.text);
            let citations: serde_json::Value = cited.citations.iter().filter_map(citation).collect();
            out.put_slice(b",\"citations\":");
            out.put_slice(citations.to_string().as_bytes());
        }
        Block::Reasoning(Reasoning::Text { text, signature }) => {
            begin(out, b"{\"type\":\"thinking\",\"thinking\":");
            put_string(out, if hide_thinking { "" } else { text });
            out.put_slice(b",\"signature\":");
            put_string(out, signature.as_deref().unwrap_or_default());
        }
        Block::Reasoning(Reasoning::Redacted(bytes)) => {
            begin(out, b"{\"type\":\"redacted_thinking\",\"data\":");
            put_string(out, &STANDARD.encode(bytes));
        }
        Block::ToolUse(call) => {
            begin(out, b"{\"type\":\"tool_use\",\"id\":");
            put_string(out, &call.id);
            out.put_slice(b",\"name\":");
            put_string(out, names.original(&call.name));
            out.put_slice(b",\"input\":");
            out.put_slice(call.input.to_string().as_bytes());
        }
        // No model answers with anything else that Anthropic has a block for.
        _ => return,
    }
    out.put_u8(b'}');
}

/// Writes why the model stopped, without the braces around it.
pub(super) fn put_stop(out: &mut BytesMut, reason: StopReason, called: bool, sequence: Option<&str>) {
    let word = stop_reason(reason, called);
    out.put_slice(b"\"stop_reason\":\"");
    out.put_slice(word.as_bytes());
    out.put_slice(b"\",\"stop_sequence\":");
    match sequence.filter(|_| reason == StopReason::StopSequence) {
        Some(sequence) => put_string(out, sequence),
        None => out.put_slice(b"null"),
    }
    if word == "refusal" {
        let why = if reason == StopReason::GuardrailIntervened {
            "A guardrail stepped in."
        } else {
            "The provider's content filter stepped in."
        };
        out.put_slice(b",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":");
        put_string(out, why);
        out.put_u8(b'}');
    }
}

/// Anthropic's word. Some models say that they are done when they wait for tools.
const fn stop_reason(reason: StopReason, called: bool) -> &'static str {
    match reason {
        StopReason::EndTurn | StopReason::Other if called => "tool_use",
        StopReason::ToolUse => "tool_use",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => "refusal",
        StopReason::ContextWindowExceeded => "model_context_window_exceeded",
        StopReason::EndTurn
        | StopReason::Other
        | StopReason::MalformedModelOutput
        | StopReason::MalformedToolUse => "end_turn",
    }
}
