//! `POST /model/{id}/converse` and `/model/{id}/converse-stream`, as the AWS SDKs call them.
//!
//! These clients read no header of ours, so that what has no effect on a model is refused, as Bedrock does.

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, web};
use bytes::BytesMut;
use outcrop_chat::Event;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_wire::bedrock::{self, ConverseStream};
use outcrop_wire::error::ErrorBody;

use super::headers::respond;
use crate::answer::{Answer, Body, Manner};
use crate::chat::{AskedModel, Caller};
use crate::fit::Fields;
use crate::prepare::Prepared;
use crate::stream::{FrameStream, Frames};
use crate::{ChatError, InferenceService};

/// Answers one request in Converse's shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let (model, request) = read(&service, caller, id.into_inner(), &body).await?;
    let answer = whole(&service, caller, &model, request).await.map_err(refused)?;
    Ok(respond(&service, context.arrived, answer))
}

/// The same as a stream.
pub(crate) async fn create_stream(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let (model, request) = read(&service, caller, id.into_inner(), &body).await?;
    let answer = stream(&service, caller, &model, request).await.map_err(refused)?;
    Ok(respond(&service, context.arrived, answer))
}

async fn read(
    service: &InferenceService,
    caller: Caller<'_>,
    model: String,
    body: &[u8],
) -> Result<(AskedModel, Prepared), ApiError> {
    let request = bedrock::parse(body)?;
    let model = service.resolve(caller.principal, Some(model)).map_err(refused)?;
    let mut dropped = Vec::new();
    let request = service.prepare(&model, request, Fields::CONVERSE, &mut dropped).await?;
    Manner { strict: true, may_stream: true }.check(false, &dropped)?;
    Ok((model, request))
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
fn refused(error: ChatError) -> ApiError {
    let mut error = ApiError::from(error);
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
