//! `POST /model/{id}/converse`, `/converse-stream` and `/count-tokens`, as the AWS SDKs call them.
//!
//! These clients read no header of ours, so that what has no effect on a model is refused, as Bedrock does.

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use bytes::{Bytes, BytesMut};
use outcrop_chat::Event;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::ModelFailure;
use outcrop_wire::bedrock::{self, Asked, ConverseStream, Counted, S3Object};
use outcrop_wire::error::ErrorBody;

use super::headers::respond;
use crate::answer::{Answer, Body, Manner};
use crate::chat::{AskedModel, Caller};
use crate::prepare::{Fields, Prepared};
use crate::resolve::Wants;
use crate::response_cache::Wish;
use crate::stream::{FrameStream, Frames};
use crate::tags::Tags;
use crate::{ChatError, InferenceService};

/// Answers one request in Converse's shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    (tags, cache): (Tags, Wish),
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = Box::pin(answer(&service, caller, id.into_inner(), (tags, cache), &body)).await?;
    Ok(respond(&context, answer))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    model: String,
    (tags, cache): (Tags, Wish),
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let (model, request) =
        read(service, caller, model, bedrock::parse(body)?, Way::Paid { tags, stream: false, cache }).await?;
    whole(service, caller, &model, request).await.map_err(refused)
}

/// The same as a stream.
pub(crate) async fn create_stream(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    (tags, cache): (Tags, Wish),
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let asked = bedrock::parse(&body)?;
    let (model, request) =
        read(&service, caller, id.into_inner(), asked, Way::Paid { tags, stream: true, cache }).await?;
    let answer = stream(&service, caller, &model, request).await.map_err(refused)?;
    Ok(respond(&context, answer))
}

/// Counts the tokens of a request, of Converse or of InvokeModel.
pub(crate) async fn count(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let answer = counted(&service, caller, id.into_inner(), &body).await?;
    Ok(respond(&context, answer))
}

async fn counted(
    service: &InferenceService,
    caller: Caller<'_>,
    model: String,
    body: &Bytes,
) -> Result<Answer, ApiError> {
    let (facts, count) = match bedrock::parse_count(body)? {
        Counted::Converse(asked) => {
            let (model, Prepared { request, entry, .. }) =
                read(service, caller, model, *asked, Way::Free).await?;
            let facts = entry.facts(&model);
            (facts, service.count_request(caller, &model, request).await)
        }
        Counted::Invoke(body) => {
            let wants = Wants::of_body(Some(model), &body, false);
            let model = service.resolve(caller.principal, wants).await.map_err(refused)?;
            service.inner().media.check_s3_in(&body)?;
            let facts = service.enter_free(caller).await.map_err(refused)?.facts(&model);
            (facts, service.count_body(caller, &model, body).await)
        }
    };
    let count = count.map_err(|error| refused(error.into()))?;
    Ok(Answer { body: Body::Whole(bedrock::count(count)), facts, dropped: Vec::new() })
}

/// Which way in: that of calls that cost something, or the other.
#[derive(Debug)]
enum Way {
    Paid {
        tags: Tags,
        stream: bool,
        /// What headers say of keeping the answer.
        cache: Wish,
    },
    Free,
}

async fn read(
    service: &InferenceService,
    caller: Caller<'_>,
    model: String,
    Asked { request, s3 }: Asked,
    way: Way,
) -> Result<(AskedModel, Prepared), ApiError> {
    let (none, team) = (Tags::NONE, caller.principal.team);
    let of = match &way {
        Way::Paid { tags, stream, .. } => (tags, *stream),
        Way::Free => (&none, false),
    };
    let wants = service.wants(team, Some(model), &request, of);
    let model = service.resolve(caller.principal, wants).await.map_err(refused)?;
    for S3Object { param, uri } in s3 {
        service.inner().media.check_s3(&uri, &param)?;
    }
    let mut dropped = Vec::new();
    let entry = match way {
        Way::Paid { tags, cache, .. } => {
            let kept = service.cache_terms(caller, &model, &cache, None).await?;
            let need = service.chat_need(&request, 1, Fields::CONVERSE.max_tokens, &model, &tags);
            service.enter(caller, &model, need).await.map(|it| it.keeping(kept))
        }
        Way::Free => service.enter_free(caller).await,
    };
    let entry = entry.map_err(refused)?;
    let request = service.prepare(entry, &model, request, Fields::CONVERSE, &mut dropped).await?;
    Manner { strict: true, ..Manner::JOB }.check(false, &dropped)?;
    Ok((model, request.strictly(true)))
}

async fn whole(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    request: Prepared,
) -> Result<Answer, ChatError> {
    let (response, facts) = service.chat(caller, model, request).await?;
    let body = Body::Whole(bedrock::response(&response, millis(facts.upstream)));
    Ok(Answer { body, facts, dropped: Vec::new() })
}

async fn stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    request: Prepared,
) -> Result<Answer, ChatError> {
    let frames = TimedStream::new();
    let (events, open, facts) = service.stream(caller, model, request).await?;
    let frames = FrameStream::new(events, frames, open, caller.context.request_id.clone());
    Ok(Answer { body: Body::AwsEvents(Box::pin(frames)), facts, dropped: Vec::new() })
}

/// The error, with the field at fault in Converse's spelling.
pub(super) fn refused(error: ChatError) -> ApiError {
    let not_ready = fails_with(&error, ModelFailure::NotReady);
    let mut error = ApiError::from(error);
    if not_ready {
        error = error.with_reason("ModelNotReadyException");
    }
    error.param = error.param.map(|param| match param.as_str() {
        "max_tokens" => Fields::CONVERSE.max_tokens.to_owned(),
        "temperature" => Fields::CONVERSE.temperature.to_owned(),
        "top_p" => Fields::CONVERSE.top_p.to_owned(),
        "stop" => Fields::CONVERSE.stop.to_owned(),
        "tools" => "toolConfig.tools".to_owned(),
        "tool_choice" => "toolConfig.toolChoice".to_owned(),
        _ => param,
    });
    error
}

/// The same for InvokeModel, which knows an exception more than Converse.
pub(super) fn refused_by_invoke(error: ChatError) -> ApiError {
    let quota = fails_with(&error, ModelFailure::QuotaExceeded);
    let error = refused(error);
    if quota { error.with_reason("ServiceQuotaExceededException") } else { error }
}

fn fails_with(error: &ChatError, failure: ModelFailure) -> bool {
    matches!(error, ChatError::Model { source, .. } if source.failure == failure)
}

/// Converse's events, which tell at their end how long they took.
pub(crate) struct TimedStream {
    stream: ConverseStream,
    begun: Instant,
}

impl TimedStream {
    /// A stream that begins now.
    pub(crate) fn new() -> Self {
        Self { stream: ConverseStream::default(), begun: Instant::now() }
    }
}

impl Frames for TimedStream {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        self.stream.push(event, out);
    }

    fn finish(&mut self, out: &mut BytesMut) {
        self.stream.finish(millis(self.begun.elapsed()), out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.stream.fail(error, out);
    }

    /// Nothing: SDKs hand every kind of event to their callers, or trip over it.
    fn heartbeat(&self, _: &mut BytesMut) {}
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
