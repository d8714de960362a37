//! Responses in the background: begun at once, made by a job, there for the client to come back to.
//!
//! A placeholder is kept under the id that the job has too. Whoever runs the job keeps the answer in its place; what became
//! of it otherwise the job knows, and whoever asks is told that, and it is kept from then on.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use bytes::{BufMut as _, Bytes, BytesMut};
use outcrop_http::ApiError;
use outcrop_ports::JobAsk;
use outcrop_types::{ErrorCode, IdempotencyKey, JobId, JobState, Principal, ResponseId, StoredResponse};
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::responses::{self, Earlier, Needs, Translated, background, kept};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::create::now;
use super::kept::{ENCRYPTED_CONTENT, json};
use crate::InferenceService;
use crate::answer::Manner;
use crate::chat::Caller;
use crate::handover::{HandedAnswer, HandedJob};
use crate::resolve::Wants;
use crate::responses::Keeping;
use crate::routes::headers;

/// Whether a request is to be answered in the background. One that a job makes asks for it no more.
pub(super) fn is_asked(caller: Caller<'_>, manner: &Manner, body: &Bytes) -> Result<bool, ApiError> {
    let of_a_job = manner.response.is_some() || caller.context.way.is_some();
    Ok(!of_a_job && background::may_be_asked(body) && responses::parse(body)?.background)
}

/// Begins a response: checks what can be checked for nothing, keeps the placeholder, hands the job over.
pub(super) async fn begin(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: &Manner,
    (path, key): (&str, Option<IdempotencyKey>),
    body: &Bytes,
) -> Result<HttpResponse, ApiError> {
    let (begun, keeping, dropped) = read(service, caller, manner, body).await?;
    let (id, queued) = (begun.id, begun.queued());
    service.inner().responses.begin(&keeping, id, &queued).await?;
    let ask = JobAsk {
        principal: caller.principal.clone(),
        request_id: caller.context.request_id.clone(),
        body: job(path, body),
        idempotency_key: key,
        response: Some(id),
    };
    let handed = service.hand_over(ask).await;
    if let Ok((job, _)) = &handed
        && job.id.uuid() == id.uuid()
    {
        let mut answer = json(queued.into());
        headers::put_dropped(&mut answer, &dropped);
        return Ok(answer);
    }
    // What is no refusal may have begun the job all the same: whoever repeats it with its key is given that one.
    if handed.as_ref().map_or_else(|error| error.code.status() < 500, |_| true) {
        // Nothing will come of it: the job was refused, or begun before under the same key.
        forget(service, caller.principal, id).await;
    }
    let (job, _) = handed?;
    let response = first(service, caller.principal, (job.id, begun), &keeping).await?;
    Ok(json(kept::object(&current(service, caller.principal, response).await?, false)))
}

/// The response that was begun before under the same key. One whose place was lost while its job was not gets it back.
async fn first(
    service: &InferenceService,
    principal: &Principal,
    (job, mut begun): (JobId, responses::Answer),
    keeping: &Keeping,
) -> Result<StoredResponse, ApiError> {
    let responses = &service.inner().responses;
    let id = ResponseId::new(job.uuid());
    let found = responses.get(principal.team, &id.to_string()).await;
    let Err(missing) = found else { return found };
    if missing.code != ErrorCode::NotFound {
        return Err(missing);
    }
    // Deleted by its owner, and what its job was answered with it.
    let is_over = |it: &HandedJob| match it.status {
        JobState::Cancelled => true,
        JobState::Succeeded => it.response.as_ref().is_none_or(|answer| answer.body.is_none()),
        JobState::Queued | JobState::Running | JobState::Failed | JobState::Expired => false,
    };
    if service.handed(principal, job).await?.is_none_or(|it| is_over(&it)) {
        return Err(missing);
    }
    begun.id = id;
    let placed = responses.begin(keeping, id, &begun.queued()).await;
    // Where another request was faster it is there by now.
    responses.get(principal.team, &id.to_string()).await.map_err(|missing| placed.err().unwrap_or(missing))
}

/// The earlier responses that a request needs, the one that it continues as its job has it.
pub(super) async fn earlier(
    service: &InferenceService,
    principal: &Principal,
    needs: Needs,
) -> Result<Earlier, ApiError> {
    let responses = &service.inner().responses;
    let previous = match &needs.previous {
        Some(id) => {
            let kept = responses.previous(principal.team, id).await?;
            Some(current(service, principal, kept).await?)
        }
        None => None,
    };
    responses.earlier(principal.team, needs, previous).await
}

/// What a job's earlier attempt has made: a model is not asked twice for it. If that cannot be told, it is made.
pub(crate) async fn made_before(
    service: &InferenceService,
    caller: Caller<'_>,
    response: Option<ResponseId>,
    body: &Bytes,
) -> Option<Bytes> {
    let found = service.inner().responses.get(caller.principal.team, &response?.to_string()).await.ok()?;
    if !background::is_made(&found) {
        return None;
    }
    let encrypted = std::str::from_utf8(body).is_ok_and(|it| it.contains(ENCRYPTED_CONTENT));
    Some(kept::object(&found, encrypted).into())
}

/// The response as it stands: what is kept, and where that is still to come, what its job says.
pub(super) async fn current(
    service: &InferenceService,
    principal: &Principal,
    response: StoredResponse,
) -> Result<StoredResponse, ApiError> {
    if !background::is_to_come(&response) {
        return Ok(response);
    }
    let job = service.handed(principal, job_of(&response)).await?;
    settled(service, response, job).await
}

/// Cancels a response that is made in the background; one that has ended stays as it ended.
pub(super) async fn cancel(
    service: &InferenceService,
    principal: &Principal,
    response: StoredResponse,
) -> Result<StoredResponse, ApiError> {
    if !background::is_one(&response) {
        return Err(ApiError::new(ErrorCode::InvalidRequest, "Cannot cancel a synchronous response."));
    }
    if !background::is_to_come(&response) {
        return Ok(response);
    }
    let job = service.call_off(principal, job_of(&response)).await?;
    settled(service, response, job).await
}

/// Calls off the job of a response that is to be deleted, with what it was asked and answered.
pub(super) async fn disown(
    service: &InferenceService,
    principal: &Principal,
    response: &StoredResponse,
) -> Result<(), ApiError> {
    if background::is_one(response) {
        service.disown(principal, job_of(response)).await?;
    }
    Ok(())
}

fn job_of(response: &StoredResponse) -> JobId {
    JobId::new(response.id.uuid())
}

/// What is begun, as far as it can be told without a model.
async fn read(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: &Manner,
    body: &Bytes,
) -> Result<(responses::Answer, Keeping, Vec<String>), ApiError> {
    let mut asked = responses::parse(body)?;
    let mut unknown = std::mem::take(&mut asked.unknown);
    unknown.extend(manner.left_behind());
    manner.check_unknown(&unknown)?;
    can_be_begun(service, manner)?;
    let (team, model) = (caller.principal.team, asked.model.take());
    let earlier = earlier(service, caller.principal, asked.needs()).await?;
    let wants = Wants::of_body(model, body, false).tagged(&manner.tags, &BTreeMap::new());
    let model = service.resolve(caller.principal, wants).await?;
    let Translated { tools, dropped, asked, .. } = asked.into_chat(&model.model.info.id, &earlier)?;
    manner.check(false, &dropped)?;
    unknown.extend(dropped.into_iter().map(str::to_owned));
    let id = ResponseId::new(service.inner().ids.uuid());
    let named = (model.asked.clone(), model.model.info.id.clone());
    let answer = responses::Answer::new(id, now(service), named, true, asked, tools);
    let keeping = Keeping { team, body: body.clone(), earlier, replaces: false };
    Ok((answer, keeping, unknown))
}

/// What headers say of a call does not travel with a job.
fn can_be_begun(service: &InferenceService, manner: &Manner) -> Result<(), ApiError> {
    let refused =
        |message: &str| Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("background"));
    if !service.inner().responses.keeps() {
        return refused("`background` needs responses to be kept, and none are kept here.");
    }
    if manner.guardrail.is_some() {
        return refused("With `background`, the guardrail must stand in the body, as `guardrail`.");
    }
    Ok(())
}

/// The body of `POST /v1/jobs`: the path is one of our own.
fn job(path: &str, body: &Bytes) -> Bytes {
    let mut job = BytesMut::with_capacity(path.len() + body.len() + 24);
    job.put_slice(b"{\"path\":\"");
    job.put_slice(path.as_bytes());
    job.put_slice(b"\",\"body\":");
    job.put_slice(body);
    job.put_u8(b'}');
    job.freeze()
}

async fn forget(service: &InferenceService, principal: &Principal, id: ResponseId) {
    if let Err(error) = service.inner().responses.delete(principal.team, &id.to_string()).await {
        // It shows as failed until it expires; nobody knows its id.
        tracing::warn!(response.id = %id, %error, "a response that was not begun is left behind");
    }
}

/// What its job says of a response; kept, once that is the last word.
async fn settled(
    service: &InferenceService,
    response: StoredResponse,
    job: Option<HandedJob>,
) -> Result<StoredResponse, ApiError> {
    let (team, id) = (response.team, response.id);
    let ended = match outcome(job) {
        Outcome::Waits => return Ok(response),
        Outcome::Runs => return Ok(background::in_progress(response)),
        Outcome::Answered(answer) => background::answered(response, answer),
        Outcome::Cancelled => background::cancelled(response),
        Outcome::Failed(error) => background::failed(response, &error),
    };
    if service.inner().responses.replace(&ended).await? {
        return Ok(ended);
    }
    // Somebody else was first: the answer is there by now, or it was deleted.
    service.inner().responses.get(team, &id.to_string()).await
}

/// How the job of a response stands.
enum Outcome {
    Waits,
    Runs,
    Answered(Value),
    Cancelled,
    Failed(ErrorBody),
}

fn outcome(job: Option<HandedJob>) -> Outcome {
    let Some(job) = job else {
        return Outcome::Failed(failure(ErrorCode::Internal, "The response was not made, and is no longer."));
    };
    match (job.status, job.response) {
        (JobState::Queued, _) => Outcome::Waits,
        (JobState::Running, _) => Outcome::Runs,
        (JobState::Cancelled, _) => Outcome::Cancelled,
        (JobState::Expired, _) => {
            Outcome::Failed(failure(ErrorCode::Timeout, "The response was not made in time."))
        }
        (JobState::Succeeded, answer) => {
            match answer.and_then(|it| serde_json::from_str(it.body?.get()).ok()) {
                Some(answer) => Outcome::Answered(answer),
                None => Outcome::Failed(failure(ErrorCode::Internal, "The response is kept no longer.")),
            }
        }
        (JobState::Failed, Some(answer)) => Outcome::Failed(told(&answer)),
        (JobState::Failed, None) => {
            let message = job.error.unwrap_or_else(|| "The response could not be made.".to_owned());
            Outcome::Failed(failure(ErrorCode::Internal, &message))
        }
    }
}

/// What a refused call was answered with, in OpenAI's shape.
fn told(answer: &HandedAnswer) -> ErrorBody {
    #[derive(Deserialize)]
    struct Told {
        error: Words,
    }

    #[derive(Deserialize)]
    struct Words {
        message: String,
    }

    let words = |body: &RawValue| serde_json::from_str::<Told>(body.get()).ok();
    let message = answer.body.as_deref().and_then(words).map(|it| it.error.message);
    let code = match answer.status_code {
        429 => ErrorCode::RateLimited,
        400..=499 => ErrorCode::InvalidRequest,
        _ => ErrorCode::Internal,
    };
    failure(code, message.as_deref().unwrap_or("The response could not be made."))
}

fn failure(code: ErrorCode, message: &str) -> ErrorBody {
    ErrorBody { code, message: message.to_owned(), param: None, request_id: None }
}
