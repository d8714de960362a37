//! `POST /v1/chat/completions`.

use actix_web::{HttpResponse, web};
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::openai::chat::{self, Translated};
use outcrop_wire::openai::stream::{ChatStream, StreamHead};

use super::headers::respond;
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::fit::Fields;
use crate::stream::FrameStream;

/// Answers one chat request in the OpenAI shape, whole or as a stream.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = answer(&service, caller, manner, &body).await?;
    Ok(respond(&service, context.arrived, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut asked = chat::parse(body)?;
    let (stream, include_usage) = (asked.stream, asked.include_usage);
    let (model, fields) = (asked.model.take(), Fields::openai(asked.max_tokens_field()));
    let Translated { request, tool_names, mut dropped } = asked.into_chat()?;
    let model = service.resolve(caller.principal, model)?;
    let request = service.prepare(&model, request, fields, &mut dropped).await?;
    manner.check(stream, &dropped)?;
    let id = format!("chatcmpl-{}", service.inner().ids.uuid().simple());
    let created = service.inner().clock.now().timestamp();
    let (body, facts) = if stream {
        let (events, open, facts) = service.stream(caller, &model, request).await?;
        let head = StreamHead { id: &id, created, model: &model.asked, include_usage };
        let frames = ChatStream::new(head, tool_names);
        let frames = FrameStream::new(events, frames, open, caller.context.request_id.clone());
        (Body::Events(Box::pin(frames)), facts)
    } else {
        let (response, facts) = service.chat(caller, &model, request).await?;
        let head = chat::Answer { id: &id, created, model: &model.asked };
        (Body::Whole(chat::response(&head, &response, &tool_names)), facts)
    };
    Ok(Answer { body, facts, dropped })
}
