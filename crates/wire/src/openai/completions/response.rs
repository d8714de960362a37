//! The whole answer, in one JSON object.

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{Block, Response};
use outcrop_types::TokenUsage;

use super::reason;
use crate::escape::{put_escaped, put_integer, put_string};
use crate::openai::usage::{put_usage, sum};

/// What an answer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `cmpl-…`
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: i64,
    /// The model, as the client named it.
    pub model: &'a str,
}

/// One of the choices.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// What stands before the model's words: the prompt, where it is to be echoed.
    pub echo: &'a str,
    /// The model's words.
    pub response: &'a Response,
}

/// Writes the answer; its usage is the sum of the choices'.
#[must_use]
pub fn response<'a>(answer: &Answer<'_>, choices: impl IntoIterator<Item = Choice<'a>>) -> Bytes {
    let mut out = BytesMut::with_capacity(1_024);
    out.put_slice(b"{\"id\":");
    put_string(&mut out, answer.id);
    out.put_slice(b",\"object\":\"text_completion\",\"created\":");
    put_integer(&mut out, answer.created);
    out.put_slice(b",\"model\":");
    put_string(&mut out, answer.model);
    out.put_slice(b",\"choices\":[");
    let mut usage = TokenUsage::default();
    for (index, Choice { echo, response }) in choices.into_iter().enumerate() {
        out.put_slice(if index == 0 { b"{\"text\":\"" } else { b",{\"text\":\"" });
        put_escaped(&mut out, echo);
        for block in &response.content {
            match block {
                Block::Text(text) => put_escaped(&mut out, text),
                Block::Cited(cited) => put_escaped(&mut out, &cited.text),
                _ => {}
            }
        }
        out.put_slice(b"\",\"index\":");
        put_integer(&mut out, index);
        out.put_slice(b",\"logprobs\":null,\"finish_reason\":");
        put_string(&mut out, reason(response.stop_reason));
        out.put_u8(b'}');
        usage = sum(&usage, &response.usage);
    }
    out.put_slice(b"],\"usage\":");
    put_usage(&mut out, &usage);
    out.put_slice(b",\"system_fingerprint\":null}");
    out.freeze()
}
