//! The whole answer, in one JSON object.

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, Extra, Response, ServiceTier};
use outcrop_types::TokenUsage;

use super::{Sources, put_thought};
use crate::ToolNames;
use crate::escape::{put_escaped, put_integer, put_string};
use crate::openai::usage::{put_usage, sum};
use crate::openai::{finish_reason, legacy_reason};

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `chatcmpl-…`
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: &'a str,
    /// Whether calls are told in the legacy form, as `function_call`.
    pub functions: bool,
}

/// Writes the answer; see [`responses`].
#[must_use]
pub fn response(answer: &Answer<'_>, response: &Response, names: &ToolNames) -> Bytes {
    responses(answer, std::slice::from_ref(response), names)
}

/// Writes an answer of several choices, whose usage is the sum of theirs.
///
/// Text blocks are joined as they are; without any, `content` is `null` if tools were called. Thoughts stand in
/// `reasoning_content`, which is not OpenAI's but what its clients look for, and with their signatures in
/// `thinking_blocks`, which a client that sends them back unchanged needs. Places in documents, which OpenAI's
/// annotations cannot tell, stand in `provider_specific_fields.citations`, as LiteLLM's do. Of several calls the legacy form tells the
/// first: it has no place for more, and the model was asked for one.
#[must_use]
pub fn responses(answer: &Answer<'_>, choices: &[Response], names: &ToolNames) -> Bytes {
    let text_length: usize = choices.iter().flat_map(|it| &it.content).filter_map(text).map(str::len).sum();
    let mut out = BytesMut::with_capacity(text_length + text_length / 8 + 512);
    out.put_slice(b"{\"id\":");
    put_string(&mut out, answer.id);
    out.put_slice(b",\"object\":\"chat.completion\",\"created\":");
    put_integer(&mut out, answer.created);
    out.put_slice(b",\"model\":");
    put_string(&mut out, answer.model);
    out.put_slice(b",\"choices\":[");
    let mut usage = TokenUsage::default();
    for (index, choice) in choices.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_choice(&mut out, index, choice, answer.functions, names);
        usage = sum(&usage, &choice.usage);
    }
    out.put_slice(b"],\"usage\":");
    put_usage(&mut out, &usage);
    out.put_slice(b",\"system_fingerprint\":null");
    if let Some(first) = choices.first() {
        put_extra(&mut out, &first.extra);
    }
    out.put_u8(b'}');
    out.freeze()
}

fn put_choice(out: &mut BytesMut, index: usize, choice: &Response, functions: bool, names: &ToolNames) {
    let content = &choice.content;
    out.put_slice(b"{\"index\":");
    put_integer(out, index);
    out.put_slice(b",\"message\":{\"role\":\"assistant\",\"content\":");
    let called_tools = content.iter().any(|block| matches!(block, Block::ToolUse(_)));
    put_text(out, content, called_tools);
    out.put_slice(b",\"refusal\":null,");
    sources(content).put(out);
    put_reasoning(out, content);
    if called_tools {
        put_calls(out, content, functions, names);
    }
    out.put_slice(b"},\"logprobs\":null,\"finish_reason\":\"");
    let reason = finish_reason(choice.stop_reason, called_tools);
    out.put_slice(if functions { legacy_reason(reason) } else { reason }.as_bytes());
    out.put_slice(b"\"}");
}

/// What Bedrock says besides: the tier in OpenAI's place, the rest, which is told when it was asked for, under Converse's
/// names.
pub(in crate::openai) fn put_extra(out: &mut BytesMut, extra: &Extra) {
    if let Some(tier) = extra.service_tier {
        out.put_slice(b",\"service_tier\":");
        put_string(out, tier_name(tier));
    }
    if let Some(optimized) = extra.optimized_latency {
        out.put_slice(b",\"performance_config\":{\"latency\":");
        put_string(out, if optimized { "optimized" } else { "standard" });
        out.put_u8(b'}');
    }
    let told = [("additional_model_response_fields", &extra.fields), ("trace", &extra.trace)];
    for (name, value) in told {
        if let Some(value) = value {
            out.put_slice(b",\"");
            out.put_slice(name.as_bytes());
            out.put_slice(b"\":");
            out.put_slice(value.to_string().as_bytes());
        }
    }
}

/// OpenAI's word for capacity bought beforehand is another one.
const fn tier_name(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Reserved => "scale",
        other => other.name(),
    }
}

fn text(block: &Block) -> Option<&str> {
    match block {
        Block::Text(text) => Some(text),
        Block::Cited(cited) => Some(&cited.text),
        _ => None,
    }
}

fn put_text(out: &mut BytesMut, content: &[Block], called_tools: bool) {
    let mut texts = content.iter().filter_map(text).peekable();
    if texts.peek().is_none() && called_tools {
        out.put_slice(b"null");
        return;
    }
    out.put_u8(b'"');
    for text in texts {
        put_escaped(out, text);
    }
    out.put_u8(b'"');
}

fn sources(content: &[Block]) -> Sources {
    let mut sources = Sources::default();
    if !content.iter().any(|block| matches!(block, Block::Cited(_))) {
        return sources;
    }
    let mut start = 0;
    for block in content {
        let end = start + text(block).map_or(0, |text| text.chars().count());
        if let Block::Cited(cited) = block {
            cited.citations.iter().for_each(|it| sources.add(it, start, end));
        }
        start = end;
    }
    sources
}

fn put_reasoning(out: &mut BytesMut, content: &[Block]) {
    let thoughts =
        || content.iter().filter_map(|it| if let Block::Reasoning(it) = it { Some(it) } else { None });
    let mut texts = thoughts().filter_map(|it| match it {
        outcrop_chat::Reasoning::Text { text, .. } => Some(text),
        outcrop_chat::Reasoning::Redacted(_) => None,
    });
    if let Some(first) = texts.next() {
        out.put_slice(b",\"reasoning_content\":\"");
        put_escaped(out, first);
        texts.for_each(|text| put_escaped(out, text));
        out.put_u8(b'"');
    }
    for (at, thought) in thoughts().enumerate() {
        out.put_slice(if at == 0 { b",\"thinking_blocks\":[" } else { b"," });
        put_thought(out, None, thought);
    }
    if thoughts().next().is_some() {
        out.put_u8(b']');
    }
}

fn put_calls(out: &mut BytesMut, content: &[Block], functions: bool, names: &ToolNames) {
    let calls = content.iter().filter_map(|it| if let Block::ToolUse(call) = it { Some(call) } else { None });
    for (at, call) in calls.enumerate() {
        let name = names.original(&call.name);
        if functions {
            if at == 0 {
                out.put_slice(b",\"function_call\":");
                put_function(out, name, &call.input.to_string());
            }
            continue;
        }
        out.put_slice(if at == 0 { b",\"tool_calls\":[" } else { b"," });
        out.put_slice(b"{\"id\":");
        put_string(out, &call.id);
        out.put_slice(b",\"type\":\"function\",\"function\":");
        put_function(out, name, &call.input.to_string());
        out.put_u8(b'}');
    }
    if !functions {
        out.put_u8(b']');
    }
}

fn put_function(out: &mut BytesMut, name: &str, arguments: &str) {
    out.put_slice(b"{\"name\":");
    put_string(out, name);
    out.put_slice(b",\"arguments\":");
    put_string(out, arguments);
    out.put_u8(b'}');
}
