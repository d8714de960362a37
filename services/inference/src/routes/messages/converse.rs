//! Models that are not Claude.

use bytes::BytesMut;
use outcrop_chat::{Event, ReasoningMode, Request, StopReason};
use outcrop_http::ApiError;
use outcrop_ports::ModelInfo;
use outcrop_wire::anthropic::{self, MessagesStream, Purpose, Translated};
use outcrop_wire::error::ErrorBody;

use super::Asked;
use crate::InferenceService;
use crate::answer::{Answer, Body, Manner};
use crate::chat::Caller;
use crate::prepare::Fields;
use crate::stream::{FrameStream, Frames};

pub(super) async fn answer(
    service: &InferenceService,
    caller: Caller<'_>,
    manner: Manner,
    Asked { model, reading, stream, body, .. }: Asked,
) -> Result<Answer, ApiError> {
    let translated = anthropic::parse(&body, reading.version, &reading.betas, Purpose::Answer)?;
    let kept = service.cache_terms(caller, &model, &manner.cache, Some(&body)).await?;
    drop(body);
    let Translated { mut request, tool_names, hide_thinking, mut dropped, unknown } = translated;
    manner.check_unknown(&unknown)?;
    manner.guard(&mut request);
    bound(&mut request, &model.model.info, &mut dropped);
    let need = service.chat_need(&request, 1, Fields::ANTHROPIC.max_tokens, &model, &manner.tags);
    let entry = service.enter(caller, &model, need).await?.keeping(kept);
    let request = service.prepare(entry, &model, request, Fields::ANTHROPIC, &mut dropped).await?;
    manner.check(stream, &dropped)?;
    let request = request.strictly(manner.strict);
    let only_stop = match request.request.inference.stop.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let id = format!("msg_{}", service.inner().ids.uuid().simple());
    let head = anthropic::Answer { id: &id, model: &model.asked, hide_thinking };
    let (body, mut facts) = if stream {
        let request_id = caller.context.request_id.clone();
        let frames = MessagesStream::new(head, tool_names, Some(request_id.as_str()));
        let frames = frames.with_only_stop(only_stop);
        let (events, open, facts) = service.stream(caller, &model, request).await?;
        (Body::Events(Box::pin(FrameStream::new(events, frames, open, request_id))), facts)
    } else {
        let (mut response, facts) = service.chat(caller, &model, request).await?;
        if response.stop_reason == StopReason::StopSequence && response.extra.stop_sequence.is_none() {
            response.extra.stop_sequence = only_stop;
        }
        (Body::Whole(anthropic::response(&head, &response, &tool_names)), facts)
    };
    let dropped = facts.all_dropped(dropped, unknown);
    Ok(Answer { body, facts, dropped })
}

/// Lowers `max_tokens` to what the model writes, and takes `thinking` where the model cannot be told; both are named.
/// Clients that were made for Claude send to every model what Claude takes: where an answer ends early for it, its
/// `stop_reason` says so.
pub(crate) fn bound(request: &mut Request, model: &ModelInfo, dropped: &mut Vec<&'static str>) {
    let asked = &mut request.inference.max_tokens;
    if let Some(most) = model.max_output_tokens.filter(|most| asked.is_some_and(|asked| asked > *most)) {
        *asked = Some(most);
        dropped.push(Fields::ANTHROPIC.max_tokens);
    }
    if let Some(mode) = request.reasoning.filter(|mode| model.thinking(*mode).is_none()) {
        request.reasoning = None;
        // Not to think is what such a model does anyway, unless it always thinks.
        if mode != ReasoningMode::Off || model.always_thinks {
            let (field, hardness) = (Fields::ANTHROPIC.of(mode), Fields::ANTHROPIC.hardness(mode));
            dropped.push(field);
            dropped.extend((hardness != field).then_some(hardness));
        }
    }
}

impl Frames for MessagesStream {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        self.push(event, out);
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
