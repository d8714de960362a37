//! The model's thoughts as clients of LiteLLM keep them, with their signatures, to be given back unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::{InvalidRequest, Reasoning};
use serde::Deserialize;

use crate::escape::put_string;
use crate::json::shorten;

/// One of `thinking_blocks`.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct ThinkingBlock {
    r#type: String,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
}

impl ThinkingBlock {
    /// The thought; `None` for an empty one. `path` is where it stands, for errors.
    pub(super) fn into_thought(self, path: impl Fn() -> String) -> Result<Option<Reasoning>, InvalidRequest> {
        let wrong = |field: &str, why: &str| {
            let param = format!("{}.{field}", path());
            let message = format!("`{param}` {why}.");
            Err(InvalidRequest::new(param, message))
        };
        match self.r#type.as_str() {
            "thinking" => {
                let Some(text) = self.thinking else { return wrong("thinking", "is required") };
                let signature = self.signature.filter(|it| !it.is_empty());
                if text.is_empty() && signature.is_none() {
                    return Ok(None);
                }
                Ok(Some(Reasoning::Text { text, signature }))
            }
            "redacted_thinking" => match self.data.as_deref().map(|data| STANDARD.decode(data)) {
                Some(Ok(bytes)) => Ok(Some(Reasoning::Redacted(Bytes::from(bytes)))),
                Some(Err(_)) => wrong("data", "must be base64, as it was given out"),
                None => wrong("data", "is required"),
            },
            other => {
                let why = format!("must be `thinking` or `redacted_thinking`, not `{}`", shorten(other));
                wrong("type", &why)
            }
        }
    }
}

/// Writes a thought as one of `thinking_blocks`.
///
/// In a stream it has an `index`, by which OpenAI's clients put the elements of any list together.
pub(in crate::openai) fn put_thought(out: &mut BytesMut, index: Option<usize>, thought: &Reasoning) {
    out.put_u8(b'{');
    if let Some(index) = index {
        out.put_slice(b"\"index\":");
        crate::escape::put_integer(out, index);
        out.put_u8(b',');
    }
    match thought {
        Reasoning::Text { text, signature } => {
            out.put_slice(b"\"type\":\"thinking\",\"thinking\":");
            put_string(out, text);
            if let Some(signature) = signature {
                out.put_slice(b",\"signature\":");
                put_string(out, signature);
            }
        }
        Reasoning::Redacted(bytes) => {
            out.put_slice(b"\"type\":\"redacted_thinking\",\"data\":");
            put_string(out, &STANDARD.encode(bytes));
        }
    }
    out.put_u8(b'}');
}
