//! Guardrails that policies, routes and clients put over calls.
//!
//! Which look on is `rules.rs`. One that steps in on both sides goes with the call to Bedrock, where the call has a place
//! for it and all its targets are at one place; everything else is looked at by ApplyGuardrail: what is asked before the
//! call, what is answered before the client sees it (`stream.rs` for answers in pieces). One that only tells looks beside
//! the call (`monitor.rs`). A guardrail that should step in and cannot be asked fails the call.

mod body;
mod look;
mod monitor;
mod raw;
mod rules;
mod stream;
mod texts;
mod trace;
mod watch;
mod windows;

use futures::StreamExt as _;
use outcrop_types::GuardrailRule;

use crate::chat::{Answered, AskedModel, Caller, Streamed};
use crate::prepare::Prepared;
use crate::{ChatError, InferenceService};
use watch::Watch;

pub(crate) use body::is_named_in;
pub(crate) use raw::{Texts, guard_texts, invoke, invoke_stream, needs_converse};
pub(crate) use rules::holding;

/// A whole answer.
pub(crate) async fn chat(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    prepared: Prepared,
) -> Result<Answered, ChatError> {
    let held = holding(service, caller, model).await?;
    if held.is_empty() && prepared.request.guardrail.is_none() {
        return service.routed_chat(caller, model, prepared).await;
    }
    // Most calls are without guardrails: those do not pay for the room.
    Box::pin(guarded_chat(service, caller, model, prepared, held)).await
}

/// An answer in pieces.
pub(crate) async fn stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    prepared: Prepared,
) -> Result<Streamed, ChatError> {
    let held = holding(service, caller, model).await?;
    if held.is_empty() && prepared.request.guardrail.is_none() {
        return service.routed_stream(caller, model, prepared).await;
    }
    Box::pin(guarded_stream(service, caller, model, prepared, held)).await
}

async fn guarded_chat(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    mut prepared: Prepared,
    held: Vec<GuardrailRule>,
) -> Result<Answered, ChatError> {
    let watch = Watch::of_chat(service, caller, model, &mut prepared, &held);
    if let Some(message) = watch.input(&mut prepared).await? {
        return watch.instead(caller, message);
    }
    let answered = service.routed_chat(caller, model, prepared).await;
    let mut answered = answered.inspect_err(|_| watch.lost())?;
    watch.output(&mut answered).await?;
    Ok(answered)
}

async fn guarded_stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    mut prepared: Prepared,
    held: Vec<GuardrailRule>,
) -> Result<Streamed, ChatError> {
    let watch = Watch::of_chat(service, caller, model, &mut prepared, &held);
    if let Some(message) = watch.input(&mut prepared).await? {
        let Answered { response, mut open, facts } = watch.instead(caller, message)?;
        open.set_streamed();
        return Ok(Streamed { events: watch::events(response), open, facts });
    }
    let streamed = service.routed_stream(caller, model, prepared).await;
    let Streamed { mut events, mut open, mut facts } = streamed.inspect_err(|_| watch.lost())?;
    watch.note(&mut open, &mut facts);
    if !open.listens() {
        // What is held back from the client is paid for all the same.
        let mut listen = open.listen();
        events = Box::pin(events.inspect(move |event| {
            if let Ok(event) = event {
                listen(event);
            }
        }));
    }
    let note = Box::new(open.guard());
    Ok(Streamed { events: stream::guarded(watch, events, note), open, facts })
}
