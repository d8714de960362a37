//! `POST /v1/chat/completions`.

use actix_web::{HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::openai::chat::{self, Translated};
use outcrop_wire::openai::stream::{ChatStream, StreamHead};

use super::headers::respond;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::prepare::Fields;
use crate::stream::FrameStream;
use crate::{InferenceService, fan_out};

/// Answers one chat request in the OpenAI shape, whole or as a stream.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = Box::pin(answer(&service, caller, manner, &body)).await?;
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let mut asked = chat::parse(body)?;
    let unknown = std::mem::take(&mut asked.unknown);
    manner.check_unknown(&unknown)?;
    let (stream, include_usage) = (asked.stream, asked.include_usage);
    let fields = Fields::of_chat(&asked);
    let model = asked.model.take();
    let Translated { mut request, choices, functions, tool_names, mut dropped } = asked.into_chat()?;
    manner.guard(&mut request);
    let wants = service.wants(caller.principal.team, model, &request, (&manner.tags, stream));
    let model = service.resolve(caller.principal, wants).await?;
    let need = service.chat_need(&request, choices, fields.max_tokens, &model, &manner.tags);
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let mut request = service.prepare(entry, &model, request, fields, &mut dropped).await?;
    if functions {
        // One call at a time is what the legacy form means, not what the client asked for.
        dropped.retain(|it| *it != fields.parallel);
        request.dropped.clone_from(&dropped);
    }
    manner.check(stream, &dropped)?;
    let request = request.strictly(manner.strict);
    let id = format!("chatcmpl-{}", service.inner().ids.uuid().simple());
    let created = service.inner().clock.now().timestamp();
    let (body, mut facts) = if stream {
        let head = StreamHead { id: &id, created, model: &model.asked, include_usage };
        let frames = |names| ChatStream::new(head, names).with_functions(functions);
        if choices == 1 {
            let (events, open, facts) = service.stream(caller, &model, request).await?;
            let request_id = caller.context.request_id.clone();
            let frames = FrameStream::new(events, frames(tool_names), open, request_id);
            (Body::Events(Box::pin(frames)), facts)
        } else {
            let requests = fan_out::copies(request, choices);
            let choice = |index| frames(tool_names.clone()).for_choice(index);
            let (pieces, facts) = fan_out::stream(service, caller, &model, requests, choice).await?;
            (Body::Events(pieces), facts)
        }
    } else {
        let requests = fan_out::copies(request, choices);
        let (answers, facts) = fan_out::whole(service, caller, &model, requests).await?;
        let head = chat::Answer { id: &id, created, model: &model.asked, functions };
        (Body::Whole(chat::responses(&head, &answers, &tool_names)), facts)
    };
    let dropped = facts.all_dropped(dropped, unknown);
    Ok(Answer { body, facts, dropped })
}
