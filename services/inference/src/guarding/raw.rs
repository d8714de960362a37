//! Guardrails over calls that are no neutral conversation: bodies in a model's own words, vectors, scores, pictures.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::ready;
use futures::{StreamExt as _, stream};
use outcrop_chat::Guardrail;
use outcrop_ports::{ChunkStream, GuardedSide, Modality};
use outcrop_types::{GuardrailRule, GuardrailState};

use super::body;
use super::look::{Does, Found, Unasked};
use super::rules::{Applied, Guards, Way, holding, short};
use super::trace::HEADER;
use super::watch::{Watch, has_one_place};
use crate::attempts::{RawAnswered, RawPrepared, RawStreamed};
use crate::chat::{AskedModel, Caller, Facts};
use crate::entry::Entry;
use crate::metering::OpenCall;
use crate::{ChatError, InferenceService};

/// Most bytes of an answer in chunks that are kept for those that only tell.
const MOST_SAID: usize = 200_000;
/// Most looks at the input of one request that are remembered while it lasts.
const MOST_LOOKED: usize = 4;

/// Whether a request in Anthropic's words must be asked by Converse, because guardrails hold that cannot all go with a
/// body that passes through. `client`: whether the request may name one itself.
pub(crate) async fn needs_converse(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    client: bool,
    given: &[u8],
) -> Result<bool, ChatError> {
    let held = holding(service, caller, model).await?;
    if held.is_empty() {
        return Ok(false);
    }
    let way = Way { can: has_one_place(model), marked: body::is_marked(given) };
    Ok(client || !Guards::new(&held, None, way).is_native())
}

/// A whole answer of a model in its own words.
pub(crate) async fn invoke(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<RawAnswered, ChatError> {
    let held = holding(service, caller, model).await?;
    if held.is_empty() && raw.call.guardrail.is_none() {
        return service.routed_invoke(caller, model, raw).await;
    }
    Box::pin(guarded_invoke(service, caller, model, raw, held)).await
}

/// The same in pieces.
pub(crate) async fn invoke_stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: RawPrepared,
) -> Result<RawStreamed, ChatError> {
    let held = holding(service, caller, model).await?;
    if held.is_empty() && raw.call.guardrail.is_none() {
        return service.routed_invoke_stream(caller, model, raw).await;
    }
    Box::pin(guarded_invoke_stream(service, caller, model, raw, held)).await
}

async fn guarded_invoke(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    mut raw: RawPrepared,
    held: Vec<GuardrailRule>,
) -> Result<RawAnswered, ChatError> {
    let watch = of_raw(service, caller, model, &mut raw, &held)?;
    watch.raw_input(&mut raw.call.body).await?;
    let answered = service.routed_invoke(caller, model, raw).await;
    let mut answered = answered.inspect_err(|_| watch.lost())?;
    let RawAnswered { answer, open, facts } = &mut answered;
    if !watch.guards.monitors.is_empty() {
        watch.monitor(GuardedSide::Output, &body::texts(&answer.body));
    }
    watch.note(open, facts);
    if let Some(native) = &watch.guards.native
        && let Some(intervened) = body::intervened(&answer.body)
    {
        tell_native(open, facts, native_state(intervened), &native.guardrail);
    }
    Ok(answered)
}

async fn guarded_invoke_stream(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    mut raw: RawPrepared,
    held: Vec<GuardrailRule>,
) -> Result<RawStreamed, ChatError> {
    let watch = of_raw(service, caller, model, &mut raw, &held)?;
    watch.raw_input(&mut raw.call.body).await?;
    let streamed = service.routed_invoke_stream(caller, model, raw).await;
    let mut streamed = streamed.inspect_err(|_| watch.lost())?;
    watch.note(&mut streamed.open, &mut streamed.facts);
    if watch.guards.monitors.iter().any(|it| it.rule.output) {
        streamed.chunks = monitored(watch.clone(), streamed.chunks);
    }
    if watch.guards.native.is_none() {
        return Ok(streamed);
    }
    // What it did stands in one of the chunks.
    let note = streamed.open.guard();
    let chunks = streamed.chunks.inspect(move |chunk| {
        if let Some(intervened) = chunk.as_ref().ok().and_then(|it| body::intervened(it)) {
            note(native_state(intervened), 0);
        }
    });
    Ok(RawStreamed { chunks: Box::pin(chunks), ..streamed })
}

/// The chunks, of which those that only tell see what was written when all of it was.
fn monitored(watch: Watch, chunks: ChunkStream) -> ChunkStream {
    let said = Arc::new(Mutex::new(String::new()));
    let hears = Arc::clone(&said);
    let chunks = chunks.inspect(move |chunk| {
        let mut said = hears.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(chunk) = chunk
            && said.len() < MOST_SAID
        {
            said.extend(body::texts(chunk));
        }
    });
    let end = stream::once(async move {
        let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
        watch.monitor(GuardedSide::Output, &[said]);
    });
    Box::pin(chunks.map(Some).chain(end.map(|()| None)).filter_map(ready))
}

/// The guardrails of a body in a model's own words.
///
/// # Errors
/// [`ChatError::Unguardable`] where one is to step in that such a body has no place for: what a model writes in its own
/// words is not changed here, and what it reads is only read where the words are Anthropic's.
fn of_raw(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    raw: &mut RawPrepared,
    held: &[GuardrailRule],
) -> Result<Watch, ChatError> {
    let client = raw.call.guardrail.take();
    let writes = model.model.info.output.contains(&Modality::Text);
    // What only the client names goes with the call, as it always did.
    let way = Way { can: writes || held.is_empty(), marked: body::is_marked(&raw.call.body) };
    let trace = client.as_ref().and_then(|it| it.trace.clone());
    let guards = Guards::new(held, client.as_ref(), way);
    let is_read = model.model.info.anthropic_version.is_some();
    if writes && guards.enforced.iter().any(|it| it.rule.output || !is_read) {
        return Err(ChatError::Unguardable);
    }
    if !guards.enforced.is_empty() {
        // Another model would be asked what the client sent, before anybody looked at it.
        raw.refit = None;
    }
    if let Some(native) = &guards.native {
        // What was found stands in the body, where it would have to be taken out again.
        raw.call.guardrail = Some(Guardrail { trace, stream_mode: None, ..native.guardrail.clone() });
    }
    Ok(Watch::new(service, caller, model, &raw.entry, guards))
}

const fn native_state(intervened: bool) -> GuardrailState {
    if intervened { GuardrailState::Intervened } else { GuardrailState::Passed }
}

fn tell_native(open: &mut OpenCall, facts: &mut Facts, state: GuardrailState, guardrail: &Guardrail) {
    open.guarded(state, 0);
    facts.guardrail = state;
    let id = if state == GuardrailState::Intervened { Some(short(&guardrail.id)) } else { None };
    let text = id.map_or_else(|| state.name().to_owned(), |id| format!("{}; id={id}", state.name()));
    facts.told.push((HEADER, text));
}

/// Texts that a model makes something else of, as they may be used, and what guardrails said of the request. Clones are
/// the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    texts: Arc<Mutex<Vec<String>>>,
    /// The guardrail that the client names.
    client: Option<Guardrail>,
    looked: Arc<tokio::sync::Mutex<Vec<Looked>>>,
}

/// What guardrails said when they looked at something.
#[derive(Debug)]
struct Looked {
    guards: Vec<GuardrailRule>,
    texts: Vec<String>,
    found: Found,
}

impl Texts {
    pub(crate) fn new(texts: Vec<String>, client: Option<Guardrail>) -> Self {
        Self { texts: Arc::new(Mutex::new(texts)), client, ..Self::default() }
    }

    /// What guardrails say of the input of a request: they are asked once, however many answers are asked for, and the
    /// others wait for what they say.
    pub(super) async fn once(
        &self,
        guards: &[&Applied],
        texts: &[String],
        look: impl Future<Output = Result<Found, Unasked>>,
    ) -> Result<Found, Unasked> {
        let mut looked = self.looked.lock().await;
        let is_same =
            |it: &&Looked| it.guards.iter().eq(guards.iter().map(|it| &it.rule)) && it.texts == texts;
        if let Some(Looked { found, .. }) = looked.iter().find(is_same) {
            return Ok(Found { units: 0, ..found.clone() });
        }
        let found = look.await?;
        if looked.len() < MOST_LOOKED {
            let guards = guards.iter().map(|it| it.rule.clone()).collect();
            looked.push(Looked { guards, texts: texts.to_vec(), found: found.clone() });
        }
        Ok(found)
    }

    /// As they are now.
    pub(crate) fn now(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, texts: Vec<String>) {
        *self.texts.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }
}

/// What guardrails found in such texts.
pub(crate) struct GuardedTexts(Option<Box<Watch>>);

impl GuardedTexts {
    /// The call was made: tells its record and its headers.
    pub(crate) fn note(&self, open: &mut OpenCall, facts: &mut Facts) {
        if let Some(watch) = &self.0 {
            watch.note(open, facts);
        }
    }

    /// It has come to nothing.
    pub(crate) fn lost(&self) {
        if let Some(watch) = &self.0 {
            watch.lost();
        }
    }
}

/// Has guardrails look at the texts of a request that was let in, of which a model makes something else: vectors,
/// scores, pictures. What is masked is masked in place. What such a model gives is no text, so nobody looks at it.
///
/// # Errors
/// [`ChatError::Blocked`] where one steps in: there is no answer that could say so. One that could not be asked.
pub(crate) async fn guard_texts(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    entry: &Entry,
) -> Result<GuardedTexts, ChatError> {
    let held = holding(service, caller, model).await?;
    let client = entry.texts().client.as_ref();
    if held.is_empty() && client.is_none() {
        return Ok(GuardedTexts(None));
    }
    let guards = Guards::new(&held, client, Way { can: false, marked: false });
    let watch = Box::new(Watch::new(service, caller, model, entry, guards));
    if let Some(masked) = Box::pin(watch.look_at(entry.texts().now())).await? {
        entry.texts().set(masked);
    }
    Ok(GuardedTexts(Some(watch)))
}

impl Watch {
    /// Looks at the texts of a body, and masks them there.
    async fn raw_input(&self, given: &mut Bytes) -> Result<(), ChatError> {
        if self.guards.enforced.is_empty() && self.guards.monitors.is_empty() {
            return Ok(());
        }
        let texts = body::texts(given);
        let masked = self.look_at(texts.clone()).await?;
        if !self.guards.enforced.is_empty() {
            // What is sent is what was looked at, in bodies that say something twice, too.
            *given = body::with_texts(given, masked.unwrap_or(texts)).ok_or(ChatError::Unguardable)?;
        }
        Ok(())
    }

    /// The texts as they are to be used, if that is not as they are.
    async fn look_at(&self, texts: Vec<String>) -> Result<Option<Vec<String>>, ChatError> {
        self.monitor(GuardedSide::Input, &texts);
        let guards: Vec<&Applied> =
            self.guards.enforced.iter().filter(|it| looks_at_input(&it.rule)).collect();
        match self.ask(&guards, GuardedSide::Input, texts).await?.does {
            Does::Nothing => Ok(None),
            Does::Mask(masked) => Ok(Some(masked)),
            Does::Block(message) => {
                let header = self.seen.header();
                self.lost();
                Err(ChatError::Blocked { message, header })
            }
        }
    }
}

const fn looks_at_input(rule: &GuardrailRule) -> bool {
    rule.input
}
