//! Claude models: the body passes through.

use std::collections::BTreeMap;
use std::time::Instant;

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
use crate::chat::{AskedModel, Caller, Facts};
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation, kept_in, reserve_body};
use crate::prepare::{Fields, MAX_TOKENS, within};
use crate::stream::{FrameStream, Frames, Piece};
use crate::{ChatError, InferenceService};

pub(super) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    Asked { model, reading, stream, body }: Asked,
) -> Result<Answer, ApiError> {
    let ClaudeBody { body, metadata, guardrail, optimized_latency, mut dropped, dropped_betas } = {
        // Two copies of a large body are enough: the client's goes when Bedrock's is written.
        let given = body;
        own(service, &model, &reading, &given, Purpose::Answer)?
    };
    manner.check(stream, &dropped)?;
    let entry = service.enter(caller, &model, need(service, &model, &body, &metadata, &manner)).await?;
    let (body, held) = held(body, &entry, &model.model.info, &mut dropped);
    manner.check(stream, &dropped)?;
    let body = links::inline(service, &entry, body).await?;
    let cost = (Operation::Chat, reserve_body(&body, &model.model.info));
    let (open, facts) = service.open(caller, &model, &entry, cost)?;
    let call = InvokeCall::json(model.model.clone(), body, caller.context.remaining());
    let guardrail = guardrail.or(manner.guardrail);
    let call = InvokeCall { metadata, guardrail, optimized_latency, ..call };
    let (body, mut facts) = if stream {
        let (frames, facts) = pieces(service, caller, &model, call, (open, facts)).await?;
        (Body::Events(Box::pin(frames)), facts)
    } else {
        let (body, facts) = whole(service, &model, call, (open, facts)).await?;
        (Body::Whole(body), facts)
    };
    facts.told.extend(named(&dropped, &dropped_betas));
    facts.told.extend(held);
    Ok(Answer { body, facts, dropped: Vec::new() })
}

/// What one call with this body takes.
fn need(
    service: &InferenceService,
    model: &AskedModel,
    body: &[u8],
    metadata: &BTreeMap<String, String>,
    manner: &Manner,
) -> Need {
    Need {
        calls: 1,
        input: reserve_body(body, &model.model.info),
        kept: kept_in(body),
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
    model: &AskedModel,
    call: InvokeCall,
    (mut open, mut facts): (OpenCall, Facts),
) -> Result<(Bytes, Facts), ChatError> {
    let begun = Instant::now();
    let answer = service.inner().model.invoke(call).await;
    facts.upstream = begun.elapsed();
    let answer = answer.inspect_err(|error| open.refused(error))?;
    let Some(whole) = invoke::answer(&answer.body, &model.asked) else {
        open.failed(ErrorCode::Upstream);
        return Err(ChatError::Malformed);
    };
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
    call: InvokeCall,
    (mut open, mut facts): (OpenCall, Facts),
) -> Result<(FrameStream<ClaudeStream, Chunk>, Facts), ChatError> {
    open.set_streamed();
    let begun = Instant::now();
    let chunks = service.inner().model.invoke_stream(call).await;
    facts.upstream = begun.elapsed();
    let chunks = chunks.inspect_err(|error| open.refused(error))?;
    let chunks = chunks.map(|chunk| invoke::read(chunk?).map_err(failed));
    let request_id = caller.context.request_id.clone();
    let frames = ClaudeStream::new(&model.asked, Some(request_id.as_str()));
    Ok((FrameStream::new(Box::pin(chunks), frames, open, request_id), facts))
}

/// The model's own error in the middle of its answer.
fn failed(error: ErrorBody) -> ModelError {
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
fn stop_reason(word: &str) -> StopReason {
    match word {
        "refusal" => StopReason::ContentFiltered,
        word => StopReason::parse(word),
    }
}

impl Piece for Chunk {
    fn meter(&self, open: &mut OpenCall) -> Option<bool> {
        if self.output > Weight::default() {
            open.saw_output(self.output);
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
