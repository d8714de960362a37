//! `POST /generate`.

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, web};
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, Idempotent, JsonBytes, RequestContext};
use outcrop_ports::JobAsk;
use outcrop_types::{ErrorCode, IdempotencyKey};
use outcrop_wire::outcrop::generate::{self, GenerateStream, Generation, later};

use super::headers::{self, respond};
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::prepare::Fields;
use crate::stream::FrameStream;

/// Answers one prompt, whole or as a stream.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    (key, request): (Idempotent, HttpRequest),
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    if is_for_later(caller, &body)? {
        return hand_over(&service, caller, &manner, (request.path(), key.0), &body).await;
    }
    let answer = Box::pin(answer(&service, caller, manner, &body)).await?;
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut asked = generate::parse(body)?;
    if asked.later()?.is_some() {
        let message = "`async` is not for what is done later already; leave it out.";
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("async"));
    }
    let stream = asked.stream();
    let model = asked.model.take();
    let mut request = asked.into_chat()?;
    manner.guard(&mut request);
    let wants = service.wants(caller.principal.team, model, &request, (&manner.tags, stream));
    let model = service.resolve(caller.principal, wants).await?;
    let mut dropped = Vec::new();
    let fields = Fields::openai("max_tokens");
    let need = service.chat_need(&request, 1, fields.max_tokens, &model, &manner.tags);
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let request = service.prepare(entry, &model, request, fields, &mut dropped).await?;
    manner.check(stream, &dropped)?;
    let request = request.strictly(manner.strict);
    let id = format!("gen-{}", service.inner().ids.uuid().simple());
    let head = Generation { id: &id, created: service.inner().clock.now().timestamp(), model: &model.asked };
    let (body, mut facts) = if stream {
        let (events, open, facts) = service.stream(caller, &model, request).await?;
        let frames = GenerateStream::new(&head);
        let frames = FrameStream::new(events, frames, open, caller.context.request_id.clone());
        (Body::Events(Box::pin(frames)), facts)
    } else {
        let (response, facts) = service.chat(caller, &model, request).await?;
        (Body::Whole(generate::response(&head, &response).into()), facts)
    };
    let dropped = facts.all_dropped(dropped, Vec::new());
    Ok(Answer { body, facts, dropped })
}

/// Whether a job is to answer. One that a job asks is answered at once.
fn is_for_later(caller: Caller<'_>, body: &[u8]) -> Result<bool, ApiError> {
    let of_a_job = caller.context.way.is_some();
    Ok(!of_a_job && later::may_be_asked(body) && generate::parse(body)?.later()?.is_some())
}

/// Hands a prompt over to be answered later, once what can be checked for nothing is found good: 202 and the job.
async fn hand_over(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: &Manner,
    (path, key): (&str, Option<IdempotencyKey>),
    body: &[u8],
) -> Result<HttpResponse, ApiError> {
    let mut asked = generate::parse(body)?;
    let later = asked.later()?.unwrap_or_default();
    let dropped = manner.left_behind();
    manner.check_unknown(&dropped)?;
    if manner.guardrail.is_some() {
        let message = "headers do not travel with a job: a guardrail cannot be named with `async`.";
        return Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param("async"));
    }
    let model = asked.model.take();
    let request = asked.into_chat()?;
    let wants = service.wants(caller.principal.team, model, &request, (&manner.tags, false));
    service.resolve(caller.principal, wants).await?;
    let ask = JobAsk {
        principal: caller.principal.clone(),
        request_id: caller.context.request_id.clone(),
        body: later.job(path, body)?,
        idempotency_key: key,
        response: None,
    };
    let (job, shown) = service.hand_over(ask).await?;
    let location = (LOCATION, format!("/v1/jobs/{}", job.id));
    let mut answer = HttpResponse::Accepted()
        .insert_header(location)
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(shown);
    headers::put_dropped(&mut answer, &dropped);
    Ok(answer)
}
