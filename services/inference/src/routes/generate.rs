//! `POST /generate`.

use actix_web::{HttpResponse, web};
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::outcrop::generate::{self, GenerateStream, Generation};

use super::headers::respond;
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
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = answer(&service, caller, manner, &body).await?;
    Ok(respond(context.arrived, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut asked = generate::parse(body)?;
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
