//! The whole answer, in one JSON object.

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, Reasoning, Response};

use crate::ToolNames;
use crate::escape::{put_escaped, put_integer, put_string};
use crate::openai::finish_reason;
use crate::openai::usage::put_usage;

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `chatcmpl-…`
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: &'a str,
}

/// Writes the answer.
///
/// Text blocks are joined as they are; without any, `content` is `null` if tools were called. Thoughts stand in
/// `reasoning_content`, which is not OpenAI's but what its clients look for; encrypted ones are left out.
#[must_use]
pub fn response(answer: &Answer<'_>, response: &Response, names: &ToolNames) -> Bytes {
    let text_length: usize =
        response.content.iter().map(|it| if let Block::Text(it) = it { it.len() } else { 0 }).sum();
    let mut out = BytesMut::with_capacity(text_length + text_length / 8 + 512);
    out.put_slice(b"{\"id\":");
    put_string(&mut out, answer.id);
    out.put_slice(b",\"object\":\"chat.completion\",\"created\":");
    put_integer(&mut out, answer.created);
    out.put_slice(b",\"model\":");
    put_string(&mut out, answer.model);
    out.put_slice(b",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    let called_tools = response.content.iter().any(|block| matches!(block, Block::ToolUse(_)));
    put_text(&mut out, &response.content, called_tools);
    out.put_slice(b",\"refusal\":null");
    put_reasoning(&mut out, &response.content);
    if called_tools {
        put_tool_calls(&mut out, &response.content, names);
    }
    out.put_slice(b"},\"logprobs\":null,\"finish_reason\":\"");
    out.put_slice(finish_reason(response.stop_reason, called_tools).as_bytes());
    out.put_slice(b"\"}],\"usage\":");
    put_usage(&mut out, &response.usage);
    out.put_slice(b"}");
    out.freeze()
}

fn put_text(out: &mut BytesMut, content: &[Block], called_tools: bool) {
    let mut texts =
        content.iter().filter_map(|it| if let Block::Text(text) = it { Some(text) } else { None });
    let first = texts.next();
    if first.is_none() && called_tools {
        out.put_slice(b"null");
        return;
    }
    out.put_u8(b'"');
    for text in first.into_iter().chain(texts) {
        put_escaped(out, text);
    }
    out.put_u8(b'"');
}

fn put_reasoning(out: &mut BytesMut, content: &[Block]) {
    let mut begun = false;
    for block in content {
        if let Block::Reasoning(Reasoning::Text { text, .. }) = block {
            if !begun {
                out.put_slice(b",\"reasoning_content\":\"");
                begun = true;
            }
            put_escaped(out, text);
        }
    }
    if begun {
        out.put_u8(b'"');
    }
}

fn put_tool_calls(out: &mut BytesMut, content: &[Block], names: &ToolNames) {
    out.put_slice(b",\"tool_calls\":[");
    let calls = content.iter().filter_map(|it| if let Block::ToolUse(call) = it { Some(call) } else { None });
    for (at, call) in calls.enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(b"{\"id\":");
        put_string(out, &call.id);
        out.put_slice(b",\"type\":\"function\",\"function\":{\"name\":");
        put_string(out, names.original(&call.name));
        out.put_slice(b",\"arguments\":");
        put_string(out, &call.input.to_string());
        out.put_slice(b"}}");
    }
    out.put_u8(b']');
}
