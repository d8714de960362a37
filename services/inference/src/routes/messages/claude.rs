//! Claude models: the body passes through.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use outcrop_chat::{InvalidRequest, StopReason};
use outcrop_http::ApiError;
use outcrop_ports::{InvokeCall, ModelError, ModelFailure, ModelInfo, ReasoningStyle};
use outcrop_types::ErrorCode;
use outcrop_wire::anthropic::invoke::{
    self, Bounded, Chunk, ChunkKind, ClaudeBody, ClaudeStream, Traits, Weight,
};
use outcrop_wire::anthropic::{self, Purpose};
use outcrop_wire::error::ErrorBody;

use super::{Asked, Reading, links};
use crate::admission::{Need, Output};
use crate::answer::{Answer, Body, Manner};
use crate::attempts::{RawAnswered, RawPrepared, RawStreamed, Refit, Refitted, is_mixed};
use crate::chat::{AskedModel, Caller, Facts};
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation, kept_in, reserve_body};
use crate::prepare::{Fields, MAX_TOKENS, may_keep, place_in, within};
use crate::stream::{FrameStream, Frames, Piece};
use crate::{ChatError, InferenceService};

pub(super) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    Asked { model, reading, stream, shaped, body }: Asked,
) -> Result<Answer, ApiError> {
    let own = own(service, &model, &reading, &body, Purpose::Answer)?;
    manner.check(stream, &own.dropped)?;
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(&body)).await?;
    let need = need(service, &model, &own, &manner);
    // Two copies of a large body are enough: the client's goes now, unless another model may have to answer.
    let given = is_mixed(&model).then(|| Given { body, reading, manner: manner.clone(), stream, shaped });
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let Refitted { call, told } = ready(service, &entry, &model, own, (&manner, stream)).await?;
    let raw = RawPrepared {
        operation: Operation::Chat,
        input: reserve_body(&call.body, &model.model.info),
        call,
        entry,
        sold: None,
        refit: given.map(|it| Arc::new(it) as Arc<dyn Refit>),
    };
    let (body, mut facts) = if stream {
        let (frames, facts) = pieces(service, caller, &model, raw).await?;
        (Body::Events(Box::pin(frames)), facts)
    } else {
        let (body, facts) = whole(service, caller, &model, raw).await?;
        (Body::Whole(body), facts)
    };
    let anew = facts.anew.take();
    facts.told.extend(anew.unwrap_or(told));
    Ok(Answer { body, facts, dropped: Vec::new() })
}

/// A body that its model let in, as it is sent.
async fn ready(
    service: &InferenceService,
    entry: &Entry,
    model: &AskedModel,
    own: ClaudeBody,
    (manner, stream): (&Manner, bool),
) -> Result<Refitted, ApiError> {
    let info = &model.model.info;
    let ClaudeBody { body, metadata, guardrail, optimized_latency, caching, mut dropped, dropped_betas } =
        own;
    let (body, held) = held(body, entry, info, &mut dropped);
    let (body, placed) = place_in(body, &caching, service.prompt_cache_rule(model), info, &mut dropped);
    manner.check(stream, &dropped)?;
    let body = links::inline(service, entry, body).await?;
    let call = InvokeCall::json(model.model.clone(), body, Duration::ZERO);
    let guardrail = guardrail.or_else(|| manner.guardrail.clone());
    let told = named(&dropped, &dropped_betas).into_iter().chain(held).chain(placed).collect();
    Ok(Refitted { call: InvokeCall { metadata, guardrail, optimized_latency, ..call }, told })
}

/// What the client sent, of which a body is made for each model that may have to answer.
struct Given {
    body: Bytes,
    reading: Reading,
    manner: Manner,
    stream: bool,
    /// Whether the answer is to have a certain shape.
    shaped: bool,
}

impl Given {
    /// The body for another Claude; any other model has no such bodies.
    fn own(&self, service: &InferenceService, model: &AskedModel) -> Option<ClaudeBody> {
        let info = &model.model.info;
        if info.anthropic_version.is_none() || (self.shaped && !info.structured_output) {
            return None;
        }
        let own = own(service, model, &self.reading, &self.body, Purpose::Answer).ok()?;
        (!self.manner.strict || own.dropped.is_empty()).then_some(own)
    }
}

#[async_trait]
impl Refit for Given {
    fn need(&self, service: &InferenceService, model: &AskedModel) -> Option<Need> {
        let own = self.own(service, model)?;
        Some(need(service, model, &own, &self.manner))
    }

    async fn refit(&self, service: &InferenceService, entry: &Entry, model: &AskedModel) -> Option<Refitted> {
        let own = self.own(service, model)?;
        ready(service, entry, model, own, (&self.manner, self.stream)).await.ok()
    }
}

/// What one call with this body takes.
fn need(
    service: &InferenceService,
    model: &AskedModel,
    ClaudeBody { body, metadata, caching, .. }: &ClaudeBody,
    manner: &Manner,
) -> Need {
    let info = &model.model.info;
    let input = reserve_body(body, info);
    // Cache points are put when the body is made ready, which is after this.
    let placed = may_keep(caching, invoke::is_marked(body), service.prompt_cache_rule(model), info, input);
    Need {
        calls: 1,
        input,
        kept: kept_in(body).max(placed),
        output: Output::Tokens { asked: invoke::max_tokens(body), field: Some(Fields::ANTHROPIC.max_tokens) },
        tags: service.inner().metering.tags.of(&manner.tags, metadata),
        ..Need::default()
    }
}

/// The body with as many tokens as policies say, and the header that tells of it; what gives way to that is named.
fn held(
    body: Bytes,
    entry: &Entry,
    model: &ModelInfo,
    dropped: &mut Vec<&'static str>,
) -> (Bytes, Option<(&'static str, String)>) {
    let most = entry.max_output.map(|most| within(most, model));
    let Some(most) = most.filter(|most| invoke::max_tokens(&body) != Some(*most)) else {
        return (body, None);
    };
    let Bounded { body, less_thought } = invoke::bounded(body, most);
    if less_thought {
        dropped.push(Fields::ANTHROPIC.reasoning);
    }
    (body, Some((MAX_TOKENS, most.to_string())))
}

/// The body as Bedrock can count it.
pub(super) async fn countable(
    service: &InferenceService,
    entry: &Entry,
    model: &AskedModel,
    reading: &Reading,
    given: &[u8],
) -> Result<ClaudeBody, ApiError> {
    let own = own(service, model, reading, given, Purpose::Count)?;
    Ok(ClaudeBody { body: links::inline(service, entry, own.body).await?, ..own })
}

/// The client's body as InvokeModel takes it, URLs and all.
fn own(
    service: &InferenceService,
    model: &AskedModel,
    reading: &Reading,
    given: &[u8],
    purpose: Purpose,
) -> Result<ClaudeBody, InvalidRequest> {
    // No source in S3 is known for Claude; a new one would pass through.
    service.inner().media.check_s3_in(given)?;
    invoke::body(given, reading.version, &reading.betas, traits(&model.model.info), purpose)
}

/// What was left out, the betas by their names.
fn named(dropped: &[&'static str], betas: &[String]) -> Option<(&'static str, String)> {
    let list = dropped.iter().map(|field| match *field {
        anthropic::Betas::HEADER => format!("{field} ({})", betas.join(" ")),
        field => field.to_owned(),
    });
    let list: Vec<String> = list.collect();
    (!list.is_empty()).then(|| ("x-outcrop-dropped", list.join(", ")))
}

pub(super) fn traits(model: &ModelInfo) -> Traits<'_> {
    Traits {
        anthropic_version: model.anthropic_version.as_deref().unwrap_or_default(),
        max_output_tokens: model.max_output_tokens,
        sampling: model.sampling,
        exclusive_sampling: model.exclusive_sampling,
        thinks_by_budget: model.reasoning == ReasoningStyle::ThinkingBudget,
    }
}

async fn whole(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<(Bytes, Facts), ChatError> {
    let RawAnswered { answer, mut open, facts } = service.invoke(caller, model, raw).await?;
    let Some(whole) = invoke::answer(&answer.body, &model.asked) else {
        open.failed(ErrorCode::Upstream);
        return Err(ChatError::Malformed);
    };
    open.saw_body(&answer.body);
    if let Some(usage) = whole.usage.or(answer.usage) {
        open.reported(usage);
    }
    if let Some(reason) = &whole.stop_reason {
        open.saw_stop(stop_reason(reason));
    }
    open.completed();
    Ok((whole.body, facts))
}

async fn pieces(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<(FrameStream<ClaudeStream, Chunk>, Facts), ChatError> {
    let RawStreamed { chunks, open, facts } = service.invoke_stream(caller, model, raw).await?;
    let chunks = chunks.map(|chunk| invoke::read(chunk?).map_err(failed));
    let request_id = caller.context.request_id.clone();
    let frames = ClaudeStream::new(&model.asked, Some(request_id.as_str()));
    Ok((FrameStream::new(Box::pin(chunks), frames, open, request_id), facts))
}

/// The model's own error in the middle of its answer.
pub(crate) fn failed(error: ErrorBody) -> ModelError {
    let failure = match error.code {
        ErrorCode::InvalidRequest | ErrorCode::PayloadTooLarge => ModelFailure::Invalid,
        ErrorCode::RateLimited => ModelFailure::Throttled,
        ErrorCode::Unavailable => ModelFailure::Unavailable,
        ErrorCode::Timeout => ModelFailure::TimedOut,
        _ => ModelFailure::Model,
    };
    ModelError { failure, message: error.message, bedrock_request_id: None, retry_after: None, source: None }
}

/// Bedrock's word for Anthropic's, for usage records.
pub(crate) fn stop_reason(word: &str) -> StopReason {
    match word {
        "refusal" => StopReason::ContentFiltered,
        word => StopReason::parse(word),
    }
}

impl Piece for Chunk {
    fn meter(&self, open: &mut OpenCall) -> Option<bool> {
        if self.output > Weight::default() {
            open.saw_output(self.output);
            open.saw_body(self.json());
        }
        if let Some(usage) = self.usage_over(open.told()) {
            // What a stream begins with counts the input alone.
            if self.kind == ChunkKind::Start { open.begun(usage) } else { open.reported(usage) }
        }
        if let Some(reason) = &self.stop_reason {
            open.saw_stop(stop_reason(reason));
        }
        (self.kind == ChunkKind::Stop).then_some(true)
    }
}

impl Frames<Chunk> for ClaudeStream {
    fn push(&mut self, chunk: &Chunk, out: &mut BytesMut) {
        self.push(chunk, out);
    }

    fn finish(&mut self, out: &mut BytesMut) {
        self.finish(out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.fail(error, out);
    }

    fn heartbeat(&self, out: &mut BytesMut) {
        anthropic::heartbeat(out);
    }
}
