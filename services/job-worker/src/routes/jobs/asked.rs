//! The body of `POST /v1/jobs`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_http::ApiError;
use outcrop_types::{ErrorCode, IdempotencyKey, Principal, Priority, ResponseId};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Deadline, Submission, SubmitError};

/// Most entries of `metadata`, and most characters of their names and values (OpenAI's bounds for its own).
const MOST_METADATA: usize = 16;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 512;

/// What comes beside the body.
#[derive(Debug)]
pub(crate) struct Handed {
    /// On whose behalf.
    pub(crate) principal: Principal,
    /// The client's own key.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// The response that it makes, where the inference service hands the job over.
    pub(crate) response: Option<ResponseId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitJob<'a> {
    path: String,
    #[serde(borrow)]
    body: &'a RawValue,
    priority: Option<String>,
    deadline: Option<Value>,
    metadata: Option<BTreeMap<String, String>>,
}

/// Only what decides whether a body can be sent later. Elsewhere `background` is a colour.
#[derive(Deserialize)]
struct Flags {
    stream: Option<Value>,
    background: Option<Value>,
    r#async: Option<Value>,
}

/// Reads the body.
pub(crate) fn read(handed: Handed, body: &Bytes) -> Result<Submission, ApiError> {
    let asked: SubmitJob<'_> = outcrop_wire::json::parse(body)?;
    let Handed { principal, idempotency_key, response } = handed;
    can_wait(asked.body.get(), response.is_some())?;
    Ok(Submission {
        principal,
        path: asked.path,
        body: body.slice_ref(asked.body.get().as_bytes()),
        idempotency_key,
        priority: asked.priority.as_deref().map_or(Ok(Priority::default()), priority)?,
        deadline: asked.deadline.as_ref().map(deadline).transpose()?,
        metadata: metadata(asked.metadata.unwrap_or_default())?,
        response,
    })
}

/// Refuses what could not be answered later as it is asked for.
fn can_wait(body: &str, in_background: bool) -> Result<(), ApiError> {
    if !body.starts_with('{') {
        return Err(wrong("body", "`body` must be an object"));
    }
    let flags: Flags = outcrop_wire::json::parse(body.as_bytes())?;
    let is_set = |flag: &Option<Value>| *flag == Some(Value::Bool(true));
    if is_set(&flags.stream) {
        return Err(wrong("body.stream", "a job's answer is kept, not streamed; leave `stream` out"));
    }
    let twice = "a job is done later already; leave it out";
    if is_set(&flags.background) && !in_background {
        return Err(wrong("body.background", twice));
    }
    if is_set(&flags.r#async) { Err(wrong("body.async", twice)) } else { Ok(()) }
}

fn priority(word: &str) -> Result<Priority, ApiError> {
    let known = Priority::ALL.map(|it| format!("`{}`", it.name())).join(", ");
    Priority::parse(word).ok_or_else(|| wrong("priority", format!("`priority` must be one of {known}")))
}

/// A time, or so many seconds from now.
fn deadline(value: &Value) -> Result<Deadline, ApiError> {
    let read = match value {
        Value::String(text) => {
            DateTime::parse_from_rfc3339(text).ok().map(|at| Deadline::At(at.with_timezone(&Utc)))
        }
        Value::Number(seconds) => {
            seconds.as_u64().map(|seconds| Deadline::After(Duration::from_secs(seconds)))
        }
        _ => None,
    };
    let message = "`deadline` must be a time (RFC 3339) or a whole number of seconds from now";
    read.ok_or_else(|| wrong("deadline", message))
}

fn metadata(given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    if given.len() > MOST_METADATA {
        return Err(wrong("metadata", format!("`metadata` has more than {MOST_METADATA} entries")));
    }
    for (name, value) in &given {
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            let message = format!("names in `metadata` must have 1 to {LONGEST_NAME} characters");
            return Err(wrong("metadata", message));
        }
        if value.chars().count() > LONGEST_VALUE {
            let message = format!("values in `metadata` must have at most {LONGEST_VALUE} characters");
            return Err(wrong("metadata", message));
        }
    }
    Ok(given)
}

/// A submission that was not taken in, with the field at fault.
pub(crate) fn refused(error: SubmitError) -> ApiError {
    let param = match error {
        SubmitError::Path | SubmitError::NotAllowed { .. } => Some("path"),
        SubmitError::Deadline => Some("deadline"),
        SubmitError::KeyReused => Some("Idempotency-Key"),
        SubmitError::TooMany { .. } | SubmitError::Port { .. } => None,
    };
    let mut error = ApiError::from_error(error);
    error.param = param.map(str::to_owned);
    error
}

fn wrong(param: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest, message).with_param(param)
}
