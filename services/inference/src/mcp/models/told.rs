//! A stream as it comes: told as progress, and put together again.

use std::future::poll_fn;
use std::time::Duration;

use futures::StreamExt as _;
use outcrop_http::{ApiError, hear};
use outcrop_mcp::Exchange;
use outcrop_types::ErrorCode;
use serde::Deserialize;
use tokio::time::Instant;

use super::written::{Usage, Written, unreadable};
use crate::answer::Pieces;

/// How often progress is told at most: more often than a person could read is of no use.
const PACE: Duration = Duration::from_millis(250);
/// What an event's data stands behind.
const DATA: &[u8] = b"data: ";

/// One of OpenAI's chunks, or the error that ends a stream.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
    r#type: Option<String>,
    param: Option<String>,
    code: Option<String>,
}

/// What came so far.
#[derive(Default)]
struct Heard {
    written: Written,
    characters: u64,
    is_over: bool,
}

/// Follows a stream to its end. How many characters there are is told on the way, and none of them: guardrails may still take
/// back what they have let go.
///
/// # Errors
/// [`ApiError`] where the model failed in the middle of its answer, with what only the log hears of it.
pub(super) async fn follow(exchange: &Exchange, mut pieces: Pieces) -> Result<Written, ApiError> {
    let (mut heard, mut rest, mut told) = (Heard::default(), Vec::new(), None::<Instant>);
    let mut broken = None;
    while let Some(piece) = poll_fn(|cx| {
        let (polled, told) = hear(|| pieces.poll_next_unpin(cx));
        broken = broken.take().or(told);
        polled
    })
    .await
    {
        rest.extend_from_slice(&piece);
        if let Err(mut error) = heard.read(&mut rest) {
            error.source = broken.map(Into::into);
            return Err(error);
        }
        let is_due = told.is_none_or(|at| at.elapsed() >= PACE);
        if is_due && heard.characters > 0 {
            told = Some(Instant::now());
            heard.tell(exchange).await;
        }
    }
    if !heard.is_over {
        return Err(ApiError::new(ErrorCode::Upstream, "The model's answer broke off."));
    }
    heard.tell(exchange).await;
    Ok(heard.written)
}

impl Heard {
    /// Reads the lines that are whole; what is left is the beginning of one.
    fn read(&mut self, rest: &mut Vec<u8>) -> Result<(), ApiError> {
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        for line in rest[..end].split(|byte| *byte == b'\n') {
            // Everything else is there to keep connections open.
            let Some(data) = line.strip_prefix(DATA) else { continue };
            if data == b"[DONE]" {
                self.is_over = true;
            } else {
                self.take(serde_json::from_slice(data).map_err(|_| unreadable())?)?;
            }
        }
        rest.drain(..=end);
        Ok(())
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), ApiError> {
        if let Some(Failure { message, r#type, param, code }) = chunk.error {
            let mut error = ApiError::new(error_code(code.as_deref(), r#type.as_deref()), message);
            error.param = param;
            return Err(error);
        }
        if let Some(usage) = chunk.usage {
            self.written.usage = Some(usage);
        }
        for Choice { delta, finish_reason } in chunk.choices {
            if let Some(text) = delta.content {
                self.characters += text.chars().count() as u64;
                self.written.text.push_str(&text);
            }
            if let Some(reason) = finish_reason {
                self.written.stop_reason = reason;
            }
        }
        Ok(())
    }

    async fn tell(&self, exchange: &Exchange) {
        #[expect(clippy::cast_precision_loss, reason = "no answer has 2^53 characters")]
        let progress = self.characters as f64;
        let message = format!("{} characters written", self.characters);
        exchange.progress(progress, None, Some(&message)).await;
    }
}

/// The platform's name for what OpenAI's stream says: by its code, or where it has none that tells, by its type.
fn error_code(code: Option<&str>, kind: Option<&str>) -> ErrorCode {
    match (code, kind) {
        (Some("rate_limit_exceeded"), _) => ErrorCode::RateLimited,
        (Some("service_unavailable"), _) => ErrorCode::Unavailable,
        (Some("timeout"), _) => ErrorCode::Timeout,
        (Some("permission_denied"), _) => ErrorCode::Forbidden,
        (Some("invalid_api_key"), _) => ErrorCode::Unauthenticated,
        (Some("model_not_found"), _) => ErrorCode::ModelNotFound,
        (Some("request_too_large"), _) => ErrorCode::PayloadTooLarge,
        (Some("content_filter"), _) => ErrorCode::InvalidRequest,
        (Some("upstream_error"), _) => ErrorCode::Upstream,
        (_, Some("rate_limit_error" | "insufficient_quota")) => ErrorCode::RateLimited,
        (_, Some("permission_error")) => ErrorCode::Forbidden,
        (_, Some("invalid_request_error")) => ErrorCode::InvalidRequest,
        (None, Some("server_error")) => ErrorCode::Internal,
        _ => ErrorCode::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Heard, ApiError> {
        let (mut heard, mut rest) = (Heard::default(), Vec::new());
        // Cut anywhere: pieces need not end where lines do.
        for byte in text.as_bytes() {
            rest.push(*byte);
            heard.read(&mut rest)?;
        }
        Ok(heard)
    }

    #[test]
    fn a_stream_is_put_together_again() {
        let heard = read(concat!(
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
            ": \n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grü\"},\"finish_reason\":null}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ezi\"},\"finish_reason\":null}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "data: [DONE]\n\n",
        ))
        .unwrap();
        assert!(heard.is_over);
        assert_eq!(heard.characters, 6);
        assert_eq!(heard.written, Written { text: "Grüezi".into(), stop_reason: "stop".into(), usage: None });
    }

    #[test]
    fn an_error_in_the_middle_is_one_of_the_call() {
        let text = "data: {\"error\":{\"message\":\"Too many.\",\"type\":\"rate_limit_error\",\"param\":null,\
                    \"code\":\"rate_limit_exceeded\"}}\n\n";
        let error = read(text).map(|_| ()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::RateLimited, "Too many."));
    }

    #[test]
    fn an_error_in_the_middle_names_its_field_and_what_it_is() {
        for (told, code) in [
            (r#""type":"invalid_request_error","code":null"#, ErrorCode::InvalidRequest),
            (r#""type":"invalid_request_error","code":"some_new_word""#, ErrorCode::InvalidRequest),
            (r#""type":"insufficient_quota","code":"insufficient_quota""#, ErrorCode::RateLimited),
            (r#""type":"server_error","code":null"#, ErrorCode::Internal),
            (r#""type":"server_error","code":"upstream_error""#, ErrorCode::Upstream),
        ] {
            let text =
                format!("data: {{\"error\":{{\"message\":\"No.\",\"param\":\"max_tokens\",{told}}}}}\n\n");
            let error = read(&text).map(|_| ()).unwrap_err();
            assert_eq!((error.code, error.param.as_deref()), (code, Some("max_tokens")), "{told}");
        }
    }
}
