//! The request.

use outcrop_chat::{Block, Caching, Inference, InvalidRequest, Message, Request, Role, normalise};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::json::{self, Object};
use crate::openai::chat::{Stop, zero_to_one};
use crate::prompt_caching::PromptCaching;

use super::later::Later;

/// A request as it came in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct GenerateRequest {
    prompt: String,
    system: Option<String>,
    /// The model asked for; `None` asks for the default one.
    pub model: Option<String>,
    max_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    #[serde(default)]
    stop: Stop,
    stream: Option<bool>,
    r#async: Option<bool>,
    priority: Option<String>,
    deadline: Option<Value>,
    prompt_cache_key: Option<String>,
    prompt_caching: Option<Object<PromptCaching>>,
    /// Read by [`crate::cache_control`].
    #[expect(dead_code, reason = "only its name is known here")]
    cache: Option<IgnoredAny>,
}

/// Reads a request's body.
///
/// # Errors
/// [`InvalidRequest`] when it is not JSON, a field has the wrong type, or a field is unknown.
pub fn parse(body: &[u8]) -> Result<GenerateRequest, InvalidRequest> {
    json::parse(body)
}

impl GenerateRequest {
    /// Whether the answer is to be streamed.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    /// How the answer is to be made later; `None` where it is not.
    ///
    /// # Errors
    /// [`InvalidRequest`] when it is to be streamed as well, or only the how is there.
    pub fn later(&mut self) -> Result<Option<Later>, InvalidRequest> {
        let (priority, deadline) = (self.priority.take(), self.deadline.take());
        if self.r#async == Some(true) {
            if self.stream() {
                let message = "`stream` cannot be `true` where `async` is `true`.";
                return Err(InvalidRequest::new("stream", message));
            }
            return Ok(Some(Later { priority, deadline }));
        }
        for (field, given) in [("priority", priority.is_some()), ("deadline", deadline.is_some())] {
            if given {
                return Err(InvalidRequest::new(field, format!("`{field}` is only for `async`: true.")));
            }
        }
        Ok(None)
    }

    /// Turns the request into a conversation of one turn.
    ///
    /// # Errors
    /// [`InvalidRequest`] when the prompt is blank or a number is out of range.
    pub fn into_chat(self) -> Result<Request, InvalidRequest> {
        if self.prompt.trim().is_empty() {
            return Err(InvalidRequest::new("prompt", "`prompt` must not be blank."));
        }
        if self.max_tokens == Some(0) {
            return Err(InvalidRequest::new("max_tokens", "`max_tokens` must be at least 1."));
        }
        let mut caching = Caching { key: self.prompt_cache_key, ..Caching::default() };
        if let Some(Object(said)) = self.prompt_caching {
            said.apply(&mut caching)?;
        }
        Ok(normalise(Request {
            system: self.system.into_iter().map(Into::into).collect(),
            messages: vec![Message { role: Role::User, content: vec![Block::Text(self.prompt)] }],
            inference: Inference {
                max_tokens: self.max_tokens,
                temperature: zero_to_one("temperature", self.temperature)?,
                top_p: zero_to_one("top_p", self.top_p)?,
                top_k: None,
                stop: self.stop.into_list(),
            },
            caching,
            ..Request::default()
        }))
    }
}
