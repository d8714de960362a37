//! `/v1/jobs`: submit, list, read, cancel.

use actix_web::{HttpRequest, HttpResponse, routes, web};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission};
use outcrop_types::{ErrorCode, IdempotencyKey, Job, JobId, JobState};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{JobWorker, Submission, SubmitError};

const DEFAULT_PAGE: usize = 20;
const MAX_PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitJob<'a> {
    path: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Only what decides whether a body can be sent later.
#[derive(Deserialize)]
struct StreamFlag {
    stream: Option<bool>,
}

#[derive(Debug, Serialize)]
struct JobView {
    id: JobId,
    object: &'static str,
    status: JobState,
    path: String,
    attempts: u32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    response: Option<ResponseView>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct ResponseView {
    status_code: u16,
    body: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
struct JobList {
    data: Vec<JobView>,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    after: Option<JobId>,
    limit: Option<usize>,
}

/// Takes a model call in and answers 202 before it is made.
#[routes]
#[post("/v1/jobs")]
#[post("/api/v1/jobs")]
pub(super) async fn submit(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    request: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let asked: SubmitJob<'_> = outcrop_wire::json::parse(&body.0)?;
    let flag: StreamFlag = outcrop_wire::json::parse(asked.body.get().as_bytes())?;
    if flag.stream == Some(true) {
        let message = "a job's answer is kept, not streamed; leave `stream` out";
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("body.stream"));
    }
    let submission = Submission {
        principal: caller.principal,
        path: asked.path,
        body: body.0.slice_ref(asked.body.get().as_bytes()),
        idempotency_key: idempotency_key(&request)?,
    };
    let job = worker.submit(submission).await.map_err(refused)?;
    Ok(HttpResponse::Accepted().json(view(job, None)?))
}

/// Lists the team's jobs, newest first, without their answers.
#[routes]
#[get("/v1/jobs")]
#[get("/api/v1/jobs")]
pub(super) async fn list(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    query: web::Query<ListQuery>,
) -> Result<web::Json<JobList>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
    let page = worker.list(caller.principal.team, query.after, limit).await.map_err(ApiError::from_error)?;
    let data = page.items.into_iter().map(|job| view(job, None)).collect::<Result<_, _>>()?;
    Ok(web::Json(JobList { data, has_more: page.has_more }))
}

/// Shows a job and, once there is one, its answer.
#[routes]
#[get("/v1/jobs/{id}")]
#[get("/api/v1/jobs/{id}")]
pub(super) async fn get(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<web::Json<JobView>, ApiError> {
    let id: JobId = id.parse().map_err(|_| no_such_job())?;
    let found = worker.lookup(caller.principal.team, id).await.map_err(ApiError::from_error)?;
    let job = found.ok_or_else(no_such_job)?;
    let output = worker.output(&job).await.map_err(ApiError::from_error)?;
    Ok(web::Json(view(job, output)?))
}

/// Cancels a job; one that has ended stays as it ended.
#[routes]
#[delete("/v1/jobs/{id}")]
#[delete("/api/v1/jobs/{id}")]
pub(super) async fn cancel(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<web::Json<JobView>, ApiError> {
    let id: JobId = id.parse().map_err(|_| no_such_job())?;
    let cancelled = worker.cancel(caller.principal.team, id).await.map_err(ApiError::from_error)?;
    Ok(web::Json(view(cancelled.ok_or_else(no_such_job)?, None)?))
}

fn refused(error: SubmitError) -> ApiError {
    let param = match error {
        SubmitError::Path | SubmitError::NotAllowed { .. } => Some("path"),
        SubmitError::KeyReused => Some("Idempotency-Key"),
        SubmitError::TooMany { .. } | SubmitError::Port { .. } => None,
    };
    let mut error = ApiError::from_error(error);
    error.param = param.map(str::to_owned);
    error
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = request.headers().get("idempotency-key") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| {
        let message = "`Idempotency-Key` must be 1 to 255 visible ASCII characters";
        ApiError::new(ErrorCode::InvalidRequest, message).with_param("Idempotency-Key")
    })
}

fn view(job: Job, output: Option<Bytes>) -> Result<JobView, ApiError> {
    let body = output.map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(|error| {
        let mut broken = ApiError::new(ErrorCode::Internal, "the job's answer cannot be read");
        broken.source = Some(Box::new(error));
        broken
    })?;
    Ok(JobView {
        id: job.id,
        object: "job",
        status: job.state,
        path: job.path,
        attempts: job.attempts,
        created_at: job.created_at,
        updated_at: job.updated_at,
        response: job.status.map(|status_code| ResponseView { status_code, body }),
        error: job.error,
    })
}

fn no_such_job() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such job")
}
