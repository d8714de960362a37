//! `POST /v1/responses`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::channel::oneshot;
use outcrop_chat::Event;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, Idempotent, JsonBytes, RequestContext};
use outcrop_types::{ErrorCode, ResponseId, TeamId};
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::responses::{self, Ending, ResponseStream, Translated};
use outcrop_wire::sse;

use super::background;
use super::kept::json;
use crate::answer::{Answer, Body, Manner, Pieces};
use crate::chat::{AskedModel, Caller, Facts};
use crate::prepare::{Fields, Prepared, conversation};
use crate::resolve::Wants;
use crate::responses::Keeping;
use crate::routes::headers::respond;
use crate::stream::{FrameStream, Frames};
use crate::{ChatError, InferenceService};

/// Answers one request in the shape of the Responses API, whole or as a stream.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    manner: Manner,
    (key, request): (Idempotent, HttpRequest),
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    if background::is_asked(caller, &manner, &body)? {
        return background::begin(&service, caller, &manner, (request.path(), key.0), &body).await;
    }
    if let Some(made) = background::made_before(&service, caller, manner.response, &body).await {
        return Ok(json(made.into()));
    }
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
    let mut asked = responses::parse(body)?;
    if asked.background && manner.response.is_none() {
        return Err(done_later_anyway());
    }
    let unknown = std::mem::take(&mut asked.unknown);
    manner.check_unknown(&unknown)?;
    let (stream, store, model) = (asked.stream, asked.store, asked.model.take());
    let team = caller.principal.team;
    let earlier = background::earlier(service, caller.principal, asked.needs()).await?;
    // The request is read for the model that is to answer: whose thoughts these are shows in it.
    let conversation = continued(service, team, model.as_deref(), (body, &earlier));
    let wants = Wants::of_body(model, body, stream).tagged(&manner.tags, &BTreeMap::new());
    let model = service.resolve(caller.principal, wants.within(conversation)).await?;
    let Translated { mut request, tools, mut dropped, asked } =
        asked.into_chat(&model.model.info.id, &earlier)?;
    manner.guard(&mut request);
    let need = service.chat_need(&request, 1, FIELDS.max_tokens, &model, &manner.tags);
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(body)).await?;
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let request = service.prepare(entry, &model, request, FIELDS, &mut dropped).await?;
    manner.check(stream, &dropped)?;
    let request = request.strictly(manner.strict);
    let id = manner.response.unwrap_or_else(|| ResponseId::new(service.inner().ids.uuid()));
    // What is begun with `store: true` is kept, unless something goes wrong at its end.
    let store = store && service.inner().responses.keeps();
    let begun = manner.response.and_then(begun).unwrap_or_else(|| now(service));
    let named = model.asked.clone();
    // Thoughts are known as those of the model that answers, which is known when it has begun.
    let answer = move |facts: &Facts| {
        responses::Answer::new(id, begun, (named, facts.model_id.clone()), store, asked, tools)
    };
    let replaces = manner.response.is_some();
    let keeping = store.then(|| Keeping { team, body: body.clone(), earlier, replaces });
    let (body, mut facts) = if stream {
        pieces(service, caller, &model, request, (answer, keeping)).await?
    } else {
        let (response, facts) = service.chat(caller, &model, request).await.map_err(refused)?;
        let answer = answer(&facts).of(&response);
        let ending = keep(service, keeping.as_ref(), &answer).await;
        (Body::Whole(answer.object(ending)), facts)
    };
    let dropped = facts.all_dropped(dropped, unknown);
    Ok(Answer { body, facts, dropped })
}

/// The number of the conversation that a request continues. It is read once more for that, and only where something of
/// it may be kept: what it says is known when the model is, which this is to choose.
fn continued(
    service: &InferenceService,
    team: TeamId,
    asked: Option<&str>,
    (body, earlier): (&Bytes, &responses::kept::Earlier),
) -> Option<u64> {
    let rule = service.prompt_cache_rule_of(team, asked);
    if rule.is_none() && !responses::says_of_a_cache(body) {
        return None;
    }
    let read = responses::parse(body).and_then(|request| request.into_chat("", earlier));
    conversation(team, &read.ok()?.request, rule)
}

/// OpenAI's spelling of this API.
pub(super) const FIELDS: Fields = Fields {
    cache: "input.content.prompt_cache_breakpoint",
    cache_ttl: "input.content.prompt_cache_breakpoint.ttl",
    ..Fields::RESPONSES
};

/// The error, with the field at fault in this API's spelling.
pub(super) fn refused(error: ChatError) -> ApiError {
    let mut error = ApiError::from(error);
    if error.param.as_deref() == Some("max_tokens") {
        error.param = Some(FIELDS.max_tokens.to_owned());
    }
    if let Some(rest) = error.message.strip_prefix("`messages`") {
        error.message = format!("`input`{rest}");
        error.param = Some("input".to_owned());
    }
    error
}

async fn pieces(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    request: Prepared,
    (answer, keeping): (impl FnOnce(&Facts) -> responses::Answer, Option<Keeping>),
) -> Result<(Body, Facts), ApiError> {
    let (events, open, facts) = service.stream(caller, model, request).await.map_err(refused)?;
    let (whole, last) = oneshot::channel();
    let frames = ResponseFrames { stream: Some(ResponseStream::new(answer(&facts))), whole: Some(whole) };
    let frames = FrameStream::new(events, frames, open, caller.context.request_id.clone());
    let last = completed(service.clone(), keeping, last);
    let last = futures::stream::once(last).filter_map(std::future::ready);
    let pieces: Pieces = Box::pin(frames.chain(last));
    Ok((Body::Events(pieces), facts))
}

/// The final event, once the response is kept; nothing, if the answer did not come to its end.
async fn completed(
    service: InferenceService,
    keeping: Option<Keeping>,
    whole: oneshot::Receiver<ResponseStream>,
) -> Option<Bytes> {
    let mut stream = whole.await.ok()?;
    let ending = keep(&service, keeping.as_ref(), stream.answer()).await;
    let mut out = BytesMut::new();
    stream.complete(ending, &mut out);
    Some(out.freeze())
}

async fn keep(service: &InferenceService, keeping: Option<&Keeping>, answer: &responses::Answer) -> Ending {
    let at = now(service);
    let stored = match keeping {
        // Even if it could not be kept now: its job has it, and whoever comes back for it is given that.
        Some(keeping) => service.inner().responses.keep(keeping, answer, at).await || keeping.replaces,
        None => false,
    };
    Ending { at, stored }
}

/// When a response in the background was begun, seconds since the Unix epoch: its id says so.
fn begun(id: ResponseId) -> Option<i64> {
    let (seconds, _) = id.uuid().get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()
}

fn done_later_anyway() -> ApiError {
    let message = "`background` is not for what is done later already; leave it out.";
    ApiError::new(ErrorCode::InvalidRequest, message).with_param("background")
}

pub(super) fn now(service: &InferenceService) -> i64 {
    service.inner().clock.now().timestamp()
}

/// Writes all frames but the last, which waits for the response to be kept.
struct ResponseFrames {
    /// Taken when the answer is whole.
    stream: Option<ResponseStream>,
    whole: Option<oneshot::Sender<ResponseStream>>,
}

impl Frames for ResponseFrames {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if let Some(stream) = &mut self.stream {
            stream.push(event, out);
        }
    }

    fn finish(&mut self, out: &mut BytesMut) {
        if let Some(mut stream) = self.stream.take()
            && stream.finish(out)
            && let Some(whole) = self.whole.take()
        {
            // Nobody waits for it if the client has gone.
            let _ = whole.send(stream);
        }
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if let Some(stream) = &mut self.stream {
            stream.fail(error, out);
        }
    }

    fn heartbeat(&self, out: &mut BytesMut) {
        sse::heartbeat(out);
    }
}
