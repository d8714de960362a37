//! A job as clients see it.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_http::ApiError;
use outcrop_types::{
    BatchId, Choice, ErrorCode, Job, JobId, JobKind, JobState, Page, Priority, ResponseId, TokenUsage,
};
use outcrop_wire::Dialect;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

#[derive(Debug, Serialize)]
pub(crate) struct JobView {
    pub(crate) id: JobId,
    object: &'static str,
    kind: JobKind,
    status: JobState,
    path: String,
    priority: Priority,
    deadline: Option<DateTime<Utc>>,
    metadata: BTreeMap<String, String>,
    attempts: u32,
    dead: bool,
    choice: Option<Choice>,
    usage: TokenUsage,
    cost_usd: String,
    saved_usd: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    response: Option<ResponseView>,
    error: Option<String>,
    /// The batch that it is, or is a part of.
    batch_id: Option<BatchId>,
    /// The answer of the Responses API that it makes.
    response_id: Option<ResponseId>,
}

#[derive(Debug, Serialize)]
struct ResponseView {
    status_code: u16,
    body: Option<Box<RawValue>>,
}

/// A page of jobs.
#[derive(Debug, Serialize)]
pub(crate) struct JobList {
    object: &'static str,
    data: Vec<JobView>,
    first_id: Option<JobId>,
    last_id: Option<JobId>,
    has_more: bool,
}

/// A job, with its answer if that is at hand.
pub(crate) fn of(job: Job, output: Option<Bytes>) -> Result<JobView, ApiError> {
    let body = output.map(|bytes| body_of(&bytes)).transpose().map_err(|error| {
        let mut broken = ApiError::new(ErrorCode::Internal, "the job's answer cannot be read");
        broken.source = Some(Box::new(error));
        broken
    })?;
    let status = shown_state(&job);
    let batch = match job.kind {
        JobKind::Call => None,
        JobKind::Batch => Some(job.id),
        JobKind::Part => job.parent,
    };
    Ok(JobView {
        id: job.id,
        object: "job",
        kind: job.kind,
        status,
        path: job.path,
        priority: job.priority,
        deadline: job.deadline,
        metadata: job.metadata,
        attempts: job.attempts,
        dead: job.dead,
        choice: job.choice,
        usage: job.used.tokens,
        cost_usd: job.used.cost.to_string(),
        saved_usd: job.used.saved.to_string(),
        created_at: job.created_at,
        started_at: job.started_at,
        ended_at: job.ended_at,
        updated_at: job.updated_at,
        response: job.status.map(|status_code| ResponseView { status_code, body }),
        error: job.error,
        batch_id: batch.map(|id| BatchId::new(id.uuid())),
        response_id: job.response,
    })
}

/// How a job stands: a batch that was begun runs until it has ended, although nobody holds it while its parts are done.
fn shown_state(job: &Job) -> JobState {
    match job.state {
        JobState::Queued if job.kind == JobKind::Batch && job.started_at.is_some() => JobState::Running,
        state => state,
    }
}

/// An answer as JSON if it is that, else as a string of its text: whatever stands between us and the model may have spoken.
fn body_of(bytes: &[u8]) -> serde_json::Result<Box<RawValue>> {
    serde_json::from_slice(bytes)
        .or_else(|_| serde_json::value::to_raw_value(&String::from_utf8_lossy(bytes)))
}

/// A page, without answers.
pub(crate) fn list(page: Page<Job>) -> Result<JobList, ApiError> {
    let data = page.items.into_iter().map(|job| of(job, None)).collect::<Result<Vec<_>, _>>()?;
    let (first_id, last_id) = (data.first().map(|job| job.id), data.last().map(|job| job.id));
    Ok(JobList { object: "list", data, first_id, last_id, has_more: page.has_more })
}

/// The type of a job's answer: JSON, and a problem where our own dialect says what went wrong; text where it is neither.
pub(crate) fn content_type(job: &Job, answer: &[u8]) -> &'static str {
    let failed = job.status.is_some_and(|status| status >= 400);
    if serde_json::from_slice::<IgnoredAny>(answer).is_err() {
        "text/plain; charset=utf-8"
    } else if failed && Dialect::of_path(&job.path) == Dialect::Outcrop {
        "application/problem+json"
    } else {
        "application/json"
    }
}

#[cfg(test)]
mod tests {
    use outcrop_ports::contract::samples;

    use super::*;

    #[test]
    fn an_answer_that_is_no_json_is_shown_as_its_text() {
        let job = || Job { status: Some(502), ..samples::job(1, samples::team_id(1)) };
        let shown = |bytes: &'static [u8]| {
            let view = of(job(), Some(Bytes::from_static(bytes))).unwrap();
            serde_json::to_value(&view).unwrap()["response"]["body"].clone()
        };
        assert_eq!(shown(b"<h1>Bad \xff</h1>"), "<h1>Bad \u{fffd}</h1>");
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b"{\"a\":1}"), serde_json::json!({"a": 1}));
        assert_eq!(content_type(&job(), b"<h1>"), "text/plain; charset=utf-8");
    }
}
