//! `POST /model/{id}/invoke` and `/invoke-with-response-stream`: bodies in the model's own shape, passed through.
//!
//! Nobody changes the body here, whoever makes the model. It is read for what Bedrock would fetch with this server's own
//! permissions. What a call used is told by Bedrock's headers, and for a stream by its last chunk; what is sold by the
//! piece is counted.

pub(super) mod head;
mod pieces;
mod sold;
mod stop;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use outcrop_http::permission::InvokeModel;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext};
use outcrop_ports::{InvokeCall, Modality};
use outcrop_types::{ErrorCode, TokenUsage};
use outcrop_wire::bedrock::invoke;

use super::converse::{millis, refused_by_invoke as refused};
use super::headers::respond;
use crate::admission::{Need, Output};
use crate::answer::{Answer, Body};
use crate::attempts::{RawAnswered, RawPrepared, RawStreamed};
use crate::chat::{AskedModel, Caller};
use crate::metering::{Operation, kept_in, price_tier, reserve_body};
use crate::prepare::conversation_in;
use crate::resolve::Wants;
use crate::tags::Tags;
use crate::{ChatError, InferenceService};
use head::Head;
use pieces::Pieces;
pub(crate) use sold::Sold;

/// Has a model answer a body of its own shape.
pub(crate) async fn create(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    request: HttpRequest,
    tags: Tags,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let head = Head { tags, ..Head::read(request.headers(), "accept")? };
    let answer = Box::pin(answer(&service, caller, id.into_inner(), head, body)).await?;
    Ok(respond(&context, answer))
}

/// The same as a stream.
pub(crate) async fn create_stream(
    allowed: Allowed<InvokeModel>,
    context: RequestContext,
    service: web::Data<InferenceService>,
    id: web::Path<String>,
    request: HttpRequest,
    tags: Tags,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: &allowed.principal, context: &context };
    let head = Head { tags, ..Head::read(request.headers(), head::STREAM_ACCEPT)? };
    let wants = wants(caller, id.into_inner(), &body, (&head, true));
    let model = service.resolve(caller.principal, wants).await.map_err(refused)?;
    service.inner().media.check_s3_in(&body)?;
    let answer = stream(&service, caller, &model, head, body).await.map_err(refused)?;
    Ok(respond(&context, answer))
}

/// What the runtime API has besides, and is not served here.
pub(crate) async fn unknown_operation(_: Allowed<InvokeModel>) -> Result<HttpResponse, ApiError> {
    Err(ApiError::new(ErrorCode::NotFound, "this operation is not supported here"))
}

/// From the request's body to the answer's.
pub(crate) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    model: String,
    head: Head,
    body: Bytes,
) -> Result<Answer, ApiError> {
    let wants = wants(caller, model, &body, (&head, false));
    let model = service.resolve(caller.principal, wants).await.map_err(refused)?;
    service.inner().media.check_s3_in(&body)?;
    whole(service, caller, &model, head, body).await.map_err(refused)
}

/// What a body asks of its model, as far as it looks like anything.
fn wants(caller: Caller<'_>, model: String, body: &Bytes, (head, stream): (&Head, bool)) -> Wants {
    // Nothing is put into such a body: only what it marks itself is kept.
    let conversation = conversation_in(caller.principal.team, body, None);
    let wants = Wants::of_body(Some(model), body, stream).tagged(&head.tags, &head.metadata);
    Wants { tier: price_tier(head.service_tier), ..wants.within(conversation) }
}

async fn whole(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    head: Head,
    body: Bytes,
) -> Result<Answer, ChatError> {
    let sold = Sold::of(model, &body);
    let raw = raw(service, caller, model, head, (body, sold)).await?;
    let RawAnswered { answer, mut open, mut facts } = service.invoke(caller, model, raw).await?;
    open.served_by(answer.service_tier);
    match answer.usage {
        _ if sold.is_some() => {}
        Some(usage) => {
            let told = invoke::claude_usage(&answer.body).unwrap_or(usage);
            open.reported(invoke::with_lifetimes(usage, &told));
        }
        None if writes_text(model) => open.saw_output(invoke::written(&answer.body)),
        None => {}
    }
    if writes_text(model) {
        open.saw_body(&answer.body);
        if let Some(reason) = stop::stop_reason(&answer.body) {
            open.saw_stop(reason);
        }
    }
    open.completed();
    facts.told.extend(answer.usage.iter().flat_map(counts));
    facts.told.push(("content-type", answer.content_type));
    facts.told.push(("x-amzn-bedrock-invocation-latency", millis(facts.upstream).to_string()));
    if let Some(tier) = answer.service_tier {
        facts.told.push(("x-amzn-bedrock-service-tier", tier.name().to_owned()));
    }
    Ok(Answer { body: Body::Whole(answer.body), facts, dropped: Vec::new() })
}

async fn stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    head: Head,
    body: Bytes,
) -> Result<Answer, ChatError> {
    let raw = raw(service, caller, model, head, (body, None)).await?;
    let RawStreamed { chunks, open, mut facts } = service.invoke_stream(caller, model, raw).await?;
    facts.told.push(("x-amzn-bedrock-content-type", "application/json".to_owned()));
    let frames = pieces::frames(chunks, Pieces, open, caller.context.request_id.clone());
    Ok(Answer { body: Body::AwsEvents(Box::pin(frames)), facts, dropped: Vec::new() })
}

/// The call, let in. The body is for one model alone: targets of others are left out.
async fn raw(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    head: Head,
    (body, sold): (Bytes, Option<Sold>),
) -> Result<RawPrepared, ChatError> {
    let need = need(service, model, &head, sold, &body);
    let input = need.input;
    let entry = service.enter(caller, model, need).await?;
    let call = call(model, head, body);
    Ok(RawPrepared { operation: Operation::Invoke, call, entry, input, sold, refit: None })
}

/// What one call with this body takes. Nobody puts another number of tokens into it.
fn need(
    service: &InferenceService,
    model: &AskedModel,
    head: &Head,
    sold: Option<Sold>,
    body: &[u8],
) -> Need {
    let need = Need {
        calls: 1,
        tier: price_tier(head.service_tier),
        tags: service.inner().metering.tags.of(&head.tags, &head.metadata),
        ..Need::default()
    };
    match sold {
        Some(Sold::Pictures { asked }) => Need { images: asked, ..need },
        Some(Sold::Queries(queries)) => Need { queries: queries.most, ..need },
        None => {
            let most = invoke::most_output(body);
            let text = Output::Tokens { asked: most.total(None), field: None };
            let output = if writes_text(model) { text } else { Output::None };
            let input = reserve_body(body, &model.model.info);
            Need { input, kept: kept_in(body), output, answers: most.answers, ..need }
        }
    }
}

fn call(model: &AskedModel, head: Head, body: Bytes) -> InvokeCall {
    InvokeCall {
        content_type: head.content_type,
        accept: head.accept,
        guardrail: head.guardrail,
        service_tier: head.service_tier,
        optimized_latency: head.optimized_latency,
        metadata: head.metadata,
        ..InvokeCall::json(model.model.clone(), body, Duration::ZERO)
    }
}

fn writes_text(model: &AskedModel) -> bool {
    model.model.info.output.contains(&Modality::Text)
}

/// Bedrock's counts in its own headers.
fn counts(usage: &TokenUsage) -> [(&'static str, String); 4] {
    [
        ("x-amzn-bedrock-input-token-count", usage.input.to_string()),
        ("x-amzn-bedrock-output-token-count", usage.output.to_string()),
        ("x-amzn-bedrock-cache-read-input-token-count", usage.cache_read.to_string()),
        (
            "x-amzn-bedrock-cache-write-input-token-count",
            (usage.cache_write_5m + usage.cache_write_1h).to_string(),
        ),
    ]
}
