//! `/v1/jobs`: submit, list, read, cancel, send back to the queue.

pub(crate) mod admin;
pub(crate) mod asked;
mod filter;
pub(crate) mod view;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, routes, web};
use outcrop_http::{Allowed, ApiError, FromService, Idempotent, JsonBytes, RESPONSE_ID_HEADER, permission};
use outcrop_types::{ErrorCode, Job, JobId, JobKind, JobState, ResponseId, TeamId};

use super::query;
use crate::JobWorker;
use asked::Handed;
use filter::Asked;
use view::{JobList, JobView};

/// Takes a model call in and answers 202 before it is made.
#[routes]
#[post("/v1/jobs")]
#[post("/api/v1/jobs")]
pub(super) async fn submit(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    key: Idempotent,
    request: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let handed =
        Handed { principal: caller.principal, idempotency_key: key.0, response: response_id(&request)? };
    let job = worker.take_in(handed, &body.0).await?;
    let location = (LOCATION, format!("/v1/jobs/{}", job.id));
    Ok(HttpResponse::Accepted().insert_header(location).json(view::of(job, None)?))
}

/// Lists the team's jobs, newest first, without their answers.
#[routes]
#[get("/v1/jobs")]
#[get("/api/v1/jobs")]
pub(super) async fn list(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    query: web::Query<query::Pairs>,
) -> Result<web::Json<JobList>, ApiError> {
    Ok(web::Json(worker.listed(caller.principal.team, &query).await?))
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
    let job = worker.find(caller.principal.team, &id).await?;
    Ok(web::Json(worker.shown(job).await?))
}

/// The answer as the call would have had it: its status, its body.
#[routes]
#[get("/v1/jobs/{id}/result")]
#[get("/api/v1/jobs/{id}/result")]
pub(super) async fn result(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let job = worker.find(caller.principal.team, &id).await?;
    let status = job.status.and_then(|status| StatusCode::from_u16(status).ok());
    let Some(status) = status.filter(|_| job.output.is_some()) else { return Err(without_answer(&job)) };
    let body = worker.output(&job).await.map_err(ApiError::from_error)?.ok_or_else(forgotten)?;
    let told = (CONTENT_TYPE, view::content_type(&job, &body));
    Ok(HttpResponse::build(status).insert_header(told).body(body))
}

/// Cancels a job, or a batch; one that has ended stays as it ended. Where a service of ours names the response that it makes,
/// that is deleted: what it was asked and answered goes too.
#[routes]
#[delete("/v1/jobs/{id}")]
#[delete("/api/v1/jobs/{id}")]
pub(super) async fn cancel(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<web::Json<JobView>, ApiError> {
    let job = worker.find(caller.principal.team, &id).await?;
    let is_its = |response: ResponseId| response.uuid() == job.id.uuid();
    let job = if response_id(&request)?.is_some_and(is_its) {
        worker.drop_content(caller.principal.team, job.id).await?
    } else {
        worker.stop(job).await?
    };
    Ok(web::Json(view::of(job, None)?))
}

/// Sends a job that was set aside back to the queue.
#[routes]
#[post("/v1/jobs/{id}/redrive")]
#[post("/api/v1/jobs/{id}/redrive")]
pub(super) async fn redrive(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let job = worker.find(caller.principal.team, &id).await?;
    let job = worker.redrive(job.id).await.map_err(ApiError::from_error)?.ok_or_else(not_dead)?;
    Ok(HttpResponse::Accepted().json(view::of(job, None)?))
}

impl JobWorker {
    /// Takes in what the body of `POST /v1/jobs` asks for.
    pub(crate) async fn take_in(&self, handed: Handed, body: &bytes::Bytes) -> Result<Job, ApiError> {
        self.submit(asked::read(handed, body)?).await.map_err(asked::refused)
    }

    /// A team's jobs, as a query asks for them.
    pub(crate) async fn listed(&self, team: TeamId, query: &query::Pairs) -> Result<JobList, ApiError> {
        let Asked { filter, page } = filter::read(query, team)?;
        let page = self.list(&filter, page.after, page.limit).await.map_err(ApiError::from_error)?;
        view::list(page)
    }

    /// A team's job by what a client calls it.
    pub(crate) async fn find(&self, team: TeamId, id: &str) -> Result<Job, ApiError> {
        let id: JobId = id.parse().map_err(|_| no_such_job())?;
        self.lookup(team, id).await.map_err(ApiError::from_error)?.ok_or_else(no_such_job)
    }

    /// A job with its answer.
    pub(crate) async fn shown(&self, job: Job) -> Result<JobView, ApiError> {
        let output = self.output(&job).await.map_err(ApiError::from_error)?;
        view::of(job, output)
    }

    /// Cancels a call and forgets what it was asked and answered; the job as it is then.
    pub(crate) async fn drop_content(&self, team: TeamId, id: JobId) -> Result<Job, ApiError> {
        self.forget_content(team, id).await.map_err(ApiError::from_error)?.ok_or_else(no_such_job)
    }

    /// Cancels a job of whatever kind; the job as it is then.
    pub(crate) async fn stop(&self, job: Job) -> Result<Job, ApiError> {
        if job.kind == JobKind::Part {
            let message = "a part of a batch is cancelled with its batch";
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
        let cancelled = self.cancel(job.principal.team, job.id).await;
        cancelled.map_err(ApiError::from_error)?.ok_or_else(no_such_job)
    }
}

/// The id that a service of ours gave a job beside its body.
fn response_id(request: &HttpRequest) -> Result<Option<ResponseId>, ApiError> {
    use actix_web::HttpMessage as _;

    let given = request.headers().get(RESPONSE_ID_HEADER);
    let Some(value) = given.filter(|_| request.extensions().contains::<FromService>()) else {
        return Ok(None);
    };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || ApiError::new(ErrorCode::InvalidRequest, "this is no id of a response");
    id.map(Some).ok_or_else(|| wrong().with_param(RESPONSE_ID_HEADER))
}

/// Why there is nothing to show at `/result`.
fn without_answer(job: &Job) -> ApiError {
    let why = match (job.kind, job.state) {
        (JobKind::Batch | JobKind::Part, _) => "the answers of a batch are in its files; see /v1/batches",
        (JobKind::Call, JobState::Queued | JobState::Running) => "the job has not ended yet",
        (JobKind::Call, JobState::Cancelled) => "the job was cancelled, and has no answer",
        (JobKind::Call, JobState::Expired) => "the job was not done by its deadline, and has no answer",
        (JobKind::Call, JobState::Succeeded | JobState::Failed) => "the job was given up, and has no answer",
    };
    ApiError::new(ErrorCode::Conflict, why)
}

fn forgotten() -> ApiError {
    ApiError::new(ErrorCode::Gone, "the job's answer is kept no longer")
}

fn not_dead() -> ApiError {
    ApiError::new(
        ErrorCode::Conflict,
        "the job was not set aside: there is nothing to send back to the queue",
    )
}

fn no_such_job() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such job")
}
