//! How results and refusals leave.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use bytes::Bytes;
use outcrop_wire::mcp::{MessageId, Params, RpcError, Version, code, error_message, meta, result_message};
use serde_json::{Value, json};

use crate::server::{json as json_answer, refuse};
use crate::{Halt, about};

/// How often a stream says that it is still there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A result as an HTTP answer of its own.
pub(super) fn complete(id: &MessageId, result: Params) -> HttpResponse {
    json_answer(StatusCode::OK, result_of(id, result))
}

/// The message of a result. Each says whose it is (2026-07-28, "Per-response protocol fields").
pub(super) fn result_of(id: &MessageId, mut result: Params) -> Bytes {
    let about = result.entry("_meta").or_insert_with(|| json!({}));
    if let Value::Object(about) = about {
        about.insert(meta::SERVER_INFO.to_owned(), json!(about::server_info()));
    }
    result_message(Version::V2026_07_28, id, result)
}

/// A refusal as an HTTP answer of its own.
pub(super) fn refused(id: &MessageId, error: &RpcError) -> HttpResponse {
    let mut answer = refuse(Some(id), error);
    let after = error.data.as_ref().and_then(|it| it.get("retry_after_s")).and_then(Value::as_u64);
    if let Some(after) = after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after));
    }
    answer
}

/// The message of an outcome.
pub(super) fn message_of(id: &MessageId, outcome: Result<Params, RpcError>) -> Bytes {
    match outcome {
        Ok(result) => result_of(id, result),
        Err(error) => error_message(Some(id), &error),
    }
}

/// What a client is told that gets no result. That it is to be asked something is said where it can be.
pub(super) fn error_of(halt: Halt) -> RpcError {
    match halt {
        Halt::Refused(error) => error,
        Halt::AskFirst => RpcError::new(code::INTERNAL_ERROR, "this method cannot ask the client anything"),
        Halt::Cancelled => RpcError::new(code::INTERNAL_ERROR, "the request was called off"),
    }
}

/// The event of a message.
pub(super) fn event(message: &[u8]) -> Bytes {
    [b"data: ", message, b"\n\n"].concat().into()
}

/// What keeps proxies and clients from giving up.
pub(super) const fn keep_alive() -> Bytes {
    Bytes::from_static(b": keep-alive\n\n")
}

/// The fields of an object that was made here.
pub(super) fn object(value: Value) -> Params {
    match value {
        Value::Object(fields) => fields,
        _ => Params::new(),
    }
}
