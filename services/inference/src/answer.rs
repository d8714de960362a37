//! What a dialect's operation gives back, before it becomes an HTTP answer or a job's result.

use std::borrow::Cow;
use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use outcrop_chat::{Guardrail, Request};
use outcrop_http::ApiError;
use outcrop_ports::ModelFailure;
use outcrop_types::{Classify, ErrorCode, ResponseId};
use outcrop_wire::error::{INSUFFICIENT_QUOTA, LimitFacts, NEVER_FITS};

use crate::ChatError;
use crate::admission::Exceeded;
use crate::chat::Facts;
use crate::response_cache::Wish;
use crate::routes::headers;
use crate::tags::{self, Tags};

/// The reason of a refusal by a guardrail, where clients know it from filters of content.
const BLOCKED: &str = "content_filter";

/// A body that is sent as it comes.
pub(crate) type Pieces = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// The body, whole or in pieces.
pub(crate) enum Body {
    Whole(Bytes),
    /// Server-sent events.
    Events(Pieces),
    /// AWS's event stream.
    AwsEvents(Pieces),
}

/// An answer and what goes with it.
pub(crate) struct Answer {
    pub(crate) body: Body,
    pub(crate) facts: Facts,
    /// What the client asked for and did not get.
    pub(crate) dropped: Vec<Cow<'static, str>>,
}

/// How a caller wants to be answered, beyond what the body says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manner {
    /// Rather refused than answered without something that was asked for.
    pub(crate) strict: bool,
    /// Whether the answer can come in pieces.
    pub(crate) may_stream: bool,
    /// The guardrail that Bedrock's headers name.
    pub(crate) guardrail: Option<Guardrail>,
    /// The tags that the header names.
    pub(crate) tags: Tags,
    /// What headers say of keeping the answer.
    pub(crate) cache: Wish,
    /// The response in whose place the answer is kept, where a job makes it in the background.
    pub(crate) response: Option<ResponseId>,
}

impl Manner {
    /// How jobs are answered.
    pub(crate) const JOB: Self = Self {
        strict: false,
        may_stream: false,
        guardrail: None,
        tags: Tags::NONE,
        cache: Wish::NONE,
        response: None,
    };

    /// Refuses what cannot be given.
    pub(crate) fn check(&self, stream: bool, dropped: &[&'static str]) -> Result<(), ApiError> {
        if stream && !self.may_stream {
            let message = "This cannot be answered as a stream.";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("stream"));
        }
        match dropped {
            [first, ..] if self.strict => {
                let fields = dropped.join("`, `");
                let message = format!("Without effect on this model, and so refused: `{fields}`.");
                Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(*first))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what nobody knows, where strictness is asked for.
    pub(crate) fn check_unknown(&self, unknown: &[String]) -> Result<(), ApiError> {
        match unknown {
            [first, ..] if self.strict => {
                let fields = unknown.join("`, `");
                let message = format!("Not known here, and so refused: `{fields}`.");
                Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(first.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// The headers that are left behind where a job makes the answer.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        if self.tags == Tags::NONE { Vec::new() } else { vec![tags::HEADER.to_owned()] }
    }

    /// Puts the headers' guardrail over a request that names none itself.
    pub(crate) fn guard(&self, request: &mut Request) {
        if request.guardrail.is_none() {
            request.guardrail.clone_from(&self.guardrail);
        }
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        let code = error.code();
        match error {
            ChatError::NoModel | ChatError::UnknownModel { .. } | ChatError::OutOfScope { .. } => {
                Self::new(code, error.to_string()).with_param("model")
            }
            ChatError::NotAllowed { .. }
            | ChatError::OutOfBounds { .. }
            | ChatError::NoTarget { .. }
            | ChatError::Unpriced { .. } => Self::new(code, error.to_string()).with_param("model"),
            ChatError::OverClamp { .. } | ChatError::Unbounded { .. } => Self::new(code, error.to_string()),
            ChatError::RateLimited(exceeded) => rate_limited(&exceeded),
            ChatError::Model { ref source, ref attempts }
            | ChatError::Denied { ref source, ref attempts } => {
                let tried = attempts.are_told().then(|| attempts.to_string());
                let retry_after = source.retry_after;
                let too_long = source.failure == ModelFailure::TooLong;
                let param = if code == ErrorCode::InvalidRequest { blamed(&source.message) } else { None };
                let mut this = Self::from_error(error);
                this.retry_after = retry_after;
                this.param = param.map(str::to_owned);
                if let Some(tried) = tried {
                    this = this.with_header(headers::ATTEMPTS, tried);
                }
                if too_long { this.with_reason("context_length_exceeded") } else { this }
            }
            ChatError::Blocked { ref header, .. } => {
                let header = header.clone();
                let this = Self::new(code, error.to_string()).with_reason(BLOCKED);
                match header {
                    Some((name, value)) => this.with_header(name, value),
                    None => this,
                }
            }
            ChatError::Limits { .. }
            | ChatError::Unguarded { .. }
            | ChatError::Unguardable
            | ChatError::SpoolFull
            | ChatError::PoliciesUnknown
            | ChatError::AsRecord
            | ChatError::Malformed => Self::from_error(error),
        }
    }
}

/// A limit without room. Clients that would try again in vain are told not to.
fn rate_limited(exceeded: &Exceeded) -> ApiError {
    let mut this = ApiError::new(ErrorCode::RateLimited, exceeded.to_string());
    if exceeded.is_spent() {
        this = this.with_reason(INSUFFICIENT_QUOTA);
    } else if exceeded.never_fits() {
        this = this.with_reason(NEVER_FITS);
    }
    if let Some(wait) = exceeded.retry_after() {
        this = this.with_retry_after(wait).with_header("retry-after-ms", headers::whole_millis(wait));
    }
    if exceeded.is_final() {
        this = this.with_header("x-should-retry", "false");
    }
    for (name, value) in exceeded.standings.iter().flat_map(headers::rate_limit) {
        this = this.with_header(name, value);
    }
    this.with_header("x-outcrop-limit", headers::limit(exceeded)).with_limit(LimitFacts {
        level: exceeded.limit.level.name(),
        kind: exceeded.kind(),
        limit: exceeded.size(),
        reset: exceeded.reset(),
    })
}

/// The field that a refusal of the model's blames, where that is certain: our adapter begins with it, Bedrock names
/// its own. Its words about `messages` are not read: for another dialect those are the `prompt`.
fn blamed(message: &str) -> Option<&'static str> {
    const OURS: [&str; 8] =
        ["model", "messages", "size", "temperature", "top_p", "stop", "tools", "tool_choice"];
    const BEDROCKS: [(&str, &str); 10] = [
        ("inferenceConfig.maxTokens", "max_tokens"),
        ("inferenceConfig/maxTokens", "max_tokens"),
        ("The maximum tokens you requested exceeds the model limit", "max_tokens"),
        ("inferenceConfig.stopSequences", "stop"),
        ("inferenceConfig/stopSequences", "stop"),
        ("inferenceConfig.temperature", "temperature"),
        ("inferenceConfig.topP", "top_p"),
        ("inferenceConfig/topP", "top_p"),
        ("toolConfig.toolChoice", "tool_choice"),
        ("toolConfig.tools", "tools"),
    ];
    let first = message.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(field, _)| field);
    let ours = OURS.into_iter().find(|field| first == Some(*field));
    let theirs = || BEDROCKS.iter().find(|(said, _)| message.contains(said)).map(|(_, field)| *field);
    ours.or_else(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_is_blamed() {
        let cases = [
            ("`stop` is not supported by model grok-4.7", Some("stop")),
            ("`tool_choice`: model x cannot be made to call a tool", Some("tool_choice")),
            ("Malformed input request: #/inferenceConfig/stopSequences: expected maximum", Some("stop")),
            ("Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint", Some("max_tokens")),
            ("The value at toolConfig.tools.0.toolSpec is wrong", Some("tools")),
            ("`messages`: model x reads no images", Some("messages")),
            ("`temperature` and `top_p` cannot both be specified", Some("temperature")),
            ("Malformed input request", None),
        ];
        for (message, param) in cases {
            assert_eq!(blamed(message), param, "{message}");
        }
    }
}
