//! The guardrails of one call at work.

use std::sync::Arc;

use outcrop_chat::{Block, Event, Response, StopReason};
use outcrop_http::RequestContext;
use outcrop_ports::{EventStream, GuardedSide};
use outcrop_types::{Classify as _, GuardrailRule, GuardrailState, Principal, TokenUsage};

use super::look::{Does, Found, Looker};
use super::rules::{Applied, Guards, Way, is_marked, unmark};
use super::texts::{self, Which};
use super::trace::Seen;
use crate::chat::{Answered, AskedModel, Caller, Facts};
use crate::entry::Entry;
use crate::metering::{OpenCall, Opening, Operation};
use crate::prepare::{Original, Prepared};
use crate::{ChatError, InferenceService};

/// The guardrails that look on one call.
#[derive(Clone)]
pub(super) struct Watch {
    service: InferenceService,
    principal: Principal,
    context: RequestContext,
    model: AskedModel,
    entry: Entry,
    pub(super) guards: Guards,
    pub(super) looker: Looker,
    pub(super) seen: Seen,
    /// Whether the client marked what its own guardrail is to look at.
    marked: bool,
}

impl Watch {
    pub(super) fn new(
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        guards: Guards,
    ) -> Self {
        Self {
            service: service.clone(),
            principal: caller.principal.clone(),
            context: caller.context.clone(),
            model: model.clone(),
            entry: entry.clone(),
            looker: Looker::new(Arc::clone(&service.inner().places), caller, model),
            guards,
            seen: Seen::default(),
            marked: false,
        }
    }

    /// Those of a conversation. The request then names the one that Bedrock is to apply, if there is one.
    pub(super) fn of_chat(
        service: &InferenceService,
        caller: Caller<'_>,
        model: &AskedModel,
        prepared: &mut Prepared,
        held: &[GuardrailRule],
    ) -> Self {
        let request = &mut prepared.request;
        let marked = is_marked(request);
        // A look by itself sees texts alone. Where nobody but the client names a guardrail, what it can see only beside the
        // call goes with the call as it always did; a place that does not know the guardrail refuses it.
        let only_beside = held.is_empty() && !texts::are_all(request);
        let way = Way { can: has_one_place(model) || only_beside, marked };
        let guards = Guards::new(held, request.guardrail.take().as_ref(), way);
        let native = guards.native.as_ref().map(|it| it.guardrail.clone());
        request.guardrail.clone_from(&native);
        if let Some(original) = &mut prepared.original {
            *original = changed(original, |request| request.guardrail = native);
        }
        let this = Self::new(service, caller, model, &prepared.entry, guards);
        Self { marked, ..this }
    }

    /// Looks at what is asked. What is said instead, if the model is not to be asked; what is masked, it does not read.
    ///
    /// # Errors
    /// A guardrail that steps in could not be asked: no model is.
    pub(super) async fn input(&self, prepared: &mut Prepared) -> Result<Option<String>, ChatError> {
        let request = &mut prepared.request;
        // All answers to one request are to the same question.
        let monitors = prepared.choice == 0 && self.guards.monitors.iter().any(|it| it.rule.input);
        if monitors {
            self.monitor(GuardedSide::Input, &texts::of_request(request, Which::All));
        }
        for (which, guards) in self.of_input() {
            let found = self.ask(&guards, GuardedSide::Input, texts::of_request(request, which)).await?;
            match found.does {
                Does::Nothing => {}
                Does::Block(message) => return Ok(Some(message)),
                Does::Mask(masked) => {
                    texts::put(request, which, masked);
                    let Some(original) = &mut prepared.original else { continue };
                    // Another model may be asked what this one was, in other words: they are masked, too.
                    let mut copy = original.request.clone();
                    let whole = texts::of_request(&mut copy, which);
                    match self.ask(&guards, GuardedSide::Input, whole).await?.does {
                        Does::Nothing => {}
                        Does::Block(message) => return Ok(Some(message)),
                        Does::Mask(masked) => {
                            *original = changed(original, |request| texts::put(request, which, masked));
                        }
                    }
                }
            }
        }
        if self.guards.native.is_none() {
            unmark(&mut prepared.request);
            if let Some(original) = &mut prepared.original {
                *original = changed(original, unmark);
            }
        }
        Ok(None)
    }

    /// Those that look at what is asked, by what they look at.
    fn of_input(&self) -> impl Iterator<Item = (Which, Vec<&Applied>)> {
        let clients = |it: &&Applied| self.marked && it.by_client;
        let all = self.guards.enforced.iter().filter(|it| it.rule.input);
        let (marked, whole): (Vec<_>, Vec<_>) = all.partition(clients);
        [(Which::All, whole), (Which::Marked, marked)].into_iter().filter(|(_, guards)| !guards.is_empty())
    }

    /// Those that step in when something is answered.
    pub(super) fn of_output(&self) -> Vec<Applied> {
        self.guards.enforced.iter().filter(|it| it.rule.output).cloned().collect()
    }

    /// Looks at texts, which is then known of the call.
    pub(super) async fn ask(
        &self,
        guards: &[&Applied],
        side: GuardedSide,
        texts: Vec<String>,
    ) -> Result<Found, ChatError> {
        let look = self.looker.look(guards, side, &texts);
        let found = match side {
            GuardedSide::Input => self.entry.texts().once(guards, &texts, look).await,
            GuardedSide::Output => look.await,
        };
        let found = found.inspect_err(|_| self.lost())?;
        self.seen.add(side, &found);
        Ok(found)
    }

    /// Looks at a whole answer, and changes it where it has to.
    ///
    /// # Errors
    /// A guardrail that steps in could not be asked: nothing is said.
    pub(super) async fn output(&self, answered: &mut Answered) -> Result<(), ChatError> {
        let Answered { response, open, facts } = answered;
        if let Some(native) = &self.guards.native {
            let stop = Some(response.stop_reason);
            self.seen.add_native(&native.guardrail.id, &mut response.extra, stop, self.guards.traced);
        }
        let texts = texts::of_answer(response);
        self.monitor(GuardedSide::Output, &texts);
        let guards = self.of_output();
        if !guards.is_empty() && response.stop_reason != StopReason::GuardrailIntervened {
            let guards: Vec<&Applied> = guards.iter().collect();
            let found = match self.looker.look(&guards, GuardedSide::Output, &texts).await {
                Ok(found) => found,
                Err(error) => {
                    let (state, units) = self.seen.take();
                    open.guarded(state, units);
                    let error = ChatError::from(error);
                    open.failed(error.code());
                    return Err(error);
                }
            };
            self.seen.add(GuardedSide::Output, &found);
            stand_in(response, found.does);
            open.saw_stop(response.stop_reason);
        }
        if self.guards.traced {
            self.seen.tell(&mut response.extra);
        }
        self.note(open, facts);
        Ok(())
    }

    /// The answer in the place of one that no model is asked for; what guardrails cost is all it costs.
    ///
    /// # Errors
    /// [`ChatError::SpoolFull`].
    pub(super) fn instead(&self, caller: Caller<'_>, message: String) -> Result<Answered, ChatError> {
        let cost = (Operation::Chat, 0);
        let (mut open, mut facts) = self.service.open_unasked(caller, &self.model, &self.entry, cost)?;
        let mut response = Response::default();
        texts::block_answer(&mut response, message);
        if self.guards.traced {
            self.seen.tell(&mut response.extra);
        }
        open.saw_answer(&response);
        open.reported(TokenUsage::default());
        self.note(&mut open, &mut facts);
        Ok(Answered { response, open, facts })
    }

    /// Tells the record and the headers what was found.
    pub(super) fn note(&self, open: &mut OpenCall, facts: &mut Facts) {
        let (state, units) = self.seen.take();
        open.guarded(state, units);
        facts.guardrail = state;
        facts.told.extend(self.seen.header());
    }

    /// The call has come to nothing. What guardrails cost until then has a record of its own.
    pub(super) fn lost(&self) {
        let (state, units) = self.seen.take();
        if units > 0
            && let Some(mut open) = self.open_own()
        {
            open.guarded(state, units);
            open.reported(TokenUsage::default());
            open.completed();
        }
    }

    /// A record for guardrails alone. It holds nothing of any limit.
    pub(super) fn open_own(&self) -> Option<OpenCall> {
        let target = self.model.plan.candidates().first()?;
        let opening = Opening {
            caller: Caller { principal: &self.principal, context: &self.context },
            asked: &self.model.asked,
            at: (&target.place, &target.model),
            attempt: 1,
            operation: Operation::Guardrail,
            input: 0,
            reserved: TokenUsage::default(),
            tier: outcrop_types::PriceTier::Standard,
            tags: self.entry.tags().clone(),
            hold: None,
            route: self.model.plan.route.as_deref(),
        };
        self.service.inner().metering.open(opening).ok()
    }
}

/// Whether all targets are at one place: a guardrail is of one region, so that Bedrock can apply it itself nowhere else.
pub(super) fn has_one_place(model: &AskedModel) -> bool {
    let mut places = model.plan.candidates().iter().map(|it| &it.place);
    let first = places.next();
    places.all(|it| Some(it) == first)
}

/// Does to an answer what guardrails want done.
fn stand_in(response: &mut Response, does: Does) {
    match does {
        Does::Nothing => {}
        Does::Block(message) => texts::block_answer(response, message),
        Does::Mask(masked) => {
            let message = masked.join("\n");
            if !texts::mask_answer(response, masked) {
                texts::block_answer(response, message);
            }
        }
    }
}

fn changed(original: &Arc<Original>, change: impl FnOnce(&mut outcrop_chat::Request)) -> Arc<Original> {
    let Original { request, fields, dropped } = &**original;
    let mut request = request.clone();
    change(&mut request);
    Arc::new(Original { request, fields: *fields, dropped: dropped.clone() })
}

/// A whole answer as its events.
pub(super) fn events(response: Response) -> EventStream {
    let mut events = vec![Event::Start];
    for (index, block) in (0..).zip(response.content) {
        if let Block::Text(text) = block {
            let delta = outcrop_chat::Delta::Text(text);
            events.extend([Event::Delta { index, delta }, Event::BlockStop { index }]);
        }
    }
    events.push(Event::Stop(response.stop_reason));
    if !response.extra.is_empty() {
        events.push(Event::Extra(Box::new(response.extra)));
    }
    events.push(Event::Usage(response.usage));
    Box::pin(futures::stream::iter(events.into_iter().map(Ok)))
}

/// Whether something was found.
pub(super) const fn observed(found: bool) -> GuardrailState {
    if found { GuardrailState::Observed } else { GuardrailState::Passed }
}
