//! `/v1/batches`: submit, list, read, cancel. In OpenAI's shapes.

use actix_web::{HttpRequest, HttpResponse, routes, web};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission};
use outcrop_types::{BatchId, ErrorCode, IdempotencyKey, TeamId};
use outcrop_wire::openai::batches;

use super::query::{self, Asked};
use crate::JobWorker;
use crate::batches::{BatchSubmission, SubmitBatchError};

const USUAL_PAGE: usize = 20;

/// Takes a batch in; its file is looked into later.
#[routes]
#[post("/v1/batches")]
#[post("/api/v1/batches")]
pub(super) async fn submit(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    request: HttpRequest,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let submission = BatchSubmission {
        principal: caller.principal,
        request: batches::parse(&body.0)?,
        idempotency_key: idempotency_key(&request)?,
    };
    let batch = worker.submit_batch(submission).await.map_err(refused)?;
    Ok(json(batches::show(&batch)))
}

/// Lists the team's batches, newest first.
#[routes]
#[get("/v1/batches")]
#[get("/api/v1/batches")]
pub(super) async fn list(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    query: web::Query<query::Pairs>,
) -> Result<HttpResponse, ApiError> {
    let mut asked = Asked::usual(USUAL_PAGE);
    query::read(&query, |name, value| asked.take(name, value, "a batch"))?;
    let page = worker.list_batches(caller.principal.team, asked.after, asked.limit).await;
    let page = page.map_err(ApiError::from_error)?;
    Ok(json(batches::show_list(&page.items, page.has_more)))
}

/// Shows a batch.
#[routes]
#[get("/v1/batches/{id}")]
#[get("/api/v1/batches/{id}")]
pub(super) async fn get(
    caller: Allowed<permission::ReadJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id: BatchId = id.parse().map_err(|_| no_such_batch())?;
    Ok(json(worker.shown_batch(caller.principal.team, id).await?))
}

/// Cancels a batch: what is finished is kept. One that has ended stays as it ended.
#[routes]
#[post("/v1/batches/{id}/cancel")]
#[post("/api/v1/batches/{id}/cancel")]
pub(super) async fn cancel(
    caller: Allowed<permission::WriteJobs>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id: BatchId = id.parse().map_err(|_| no_such_batch())?;
    let cancelled = worker.cancel_batch(caller.principal.team, id).await.map_err(ApiError::from_error)?;
    Ok(json(batches::show(&cancelled.ok_or_else(no_such_batch)?)))
}

impl JobWorker {
    /// A team's batch.
    pub(crate) async fn shown_batch(&self, team: TeamId, id: BatchId) -> Result<Vec<u8>, ApiError> {
        let found = self.lookup_batch(team, id).await.map_err(ApiError::from_error)?;
        Ok(batches::show(&found.ok_or_else(no_such_batch)?))
    }
}

fn json(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}

fn refused(error: SubmitBatchError) -> ApiError {
    let param = match error {
        SubmitBatchError::Endpoint | SubmitBatchError::NotAllowed { .. } => Some("endpoint"),
        SubmitBatchError::NoFile { .. } | SubmitBatchError::UnfitFile { .. } => Some("input_file_id"),
        SubmitBatchError::KeyReused => Some("Idempotency-Key"),
        SubmitBatchError::TooMany { .. } | SubmitBatchError::Port { .. } => None,
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

fn no_such_batch() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "there is no such batch")
}
