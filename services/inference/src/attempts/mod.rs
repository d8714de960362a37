//! The attempts of one call: each target of its plan in turn, until one answers, time is up or nothing is left to try.
//!
//! Which target is next is `course.rs`, by what `rules.rs` says of failures; here is what an attempt means for metering
//! and limits. One that cost nothing hands on what its call holds. One that may have cost something has a record of its
//! own, and the next is let in anew; so is one of another model, whose limits are its own.

mod attempt_span;
mod chat;
mod course;
mod failed;
mod free;
mod raw;
mod rules;
mod told;

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _, stream};
use outcrop_ports::{ModelError, Models, ResolvedModel, Tally};
use outcrop_types::{Classify as _, FailureKind};

use crate::admission::Need;
use crate::chat::{AskedModel, Caller, Facts};
use crate::content::Asked;
use crate::entry::Entry;
use crate::metering::{OpenCall, Operation};
use crate::policies::{Clamp, Named};
use crate::routing::Trial;
use crate::{ChatError, InferenceService};
pub(crate) use attempt_span::Method;
use attempt_span::{AttemptSpan, Whole};
use course::{Course, Next, Step};
use failed::{back_in, failed, no_target, nowhere, retried};
use rules::Rules;

pub(crate) use raw::{RawAnswered, RawPrepared, RawStreamed, Refit, Refitted};
pub use told::Attempts;

/// How long it takes at most, mostly, until what a call held is given back.
const SETTLED_WITHIN: Duration = Duration::from_millis(30);

/// One kind of call: how it is made, and how it is made ready for another model.
pub(crate) trait Call: Send {
    /// What a target answers.
    type Answer: Send;

    /// Whether the answer comes in pieces.
    const STREAMED: bool;

    /// The operation of Bedrock's that it is.
    const METHOD: Method;

    /// Whether the call is made in parts that are counted one by one.
    fn is_tallied(&self) -> bool {
        false
    }

    /// Makes it.
    fn make(&self, at: Shot) -> impl Future<Output = Result<Self::Answer, ModelError>> + Send;

    /// What it takes of limits at another model than the one it was made ready for; `None` if it cannot be put to that
    /// model: its targets are then left out.
    fn need(&self, _service: &InferenceService, _model: &AskedModel) -> Option<Need> {
        None
    }

    /// Makes it ready for another model, which was asked for its limits; `false` if it cannot be put to it after all.
    fn refit(
        &mut self,
        _service: &InferenceService,
        _entry: &Entry,
        _model: &AskedModel,
    ) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }

    /// What is wrong with an answer that came and is none; what it used is noted first.
    fn flaw(&self, _answer: &Self::Answer, _open: &mut OpenCall) -> Option<ModelError> {
        None
    }

    /// What is asked, within so many bytes and fit to be told; `None` where that has no form that everybody knows.
    fn asked(&self, _most: usize) -> Option<Asked> {
        None
    }

    /// The names of what has no effect on the model that it is made ready for.
    fn dropped(&self) -> &[&'static str] {
        &[]
    }

    /// Adds what is to be told of how the request was made ready.
    fn tell(&self, _facts: &mut Facts) {}
}

/// One attempt.
pub(crate) struct Shot {
    pub(crate) models: Arc<dyn Models>,
    /// With the id that suits the place.
    pub(crate) model: ResolvedModel,
    /// How long it may take.
    pub(crate) deadline: Duration,
    /// Learns what parts of it use.
    pub(crate) tally: Tally,
}

/// A call that was answered, and whose record is still open.
pub(crate) struct Made<T> {
    pub(crate) answer: T,
    pub(crate) open: OpenCall,
    pub(crate) facts: Facts,
    pub(crate) tally: Tally,
    /// Kept as long as the answer goes on.
    pub(crate) trial: Trial,
}

/// What a call is let in with and recorded as.
struct Standing {
    entry: Entry,
    /// With the model that the request is made ready for.
    model: AskedModel,
    operation: Operation,
    input: u64,
}

/// What becomes of a call that is to go to another target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// What it is let in with holds there.
    Same,
    /// It is let in anew, as it is.
    Limits,
    /// It is let in anew, and made ready anew.
    Other,
}

/// One call on its way through its targets.
struct Run<'a> {
    service: &'a InferenceService,
    caller: Caller<'a>,
    course: Course<'a>,
    standing: Standing,
    /// Whether there is still something held for the next attempt.
    is_let_in: bool,
    /// The record of an attempt that cost nothing, for the next one. Dropped, it has cost nothing.
    paused: Option<OpenCall>,
    /// Whether an attempt has a record of its own.
    recorded: bool,
    attempts: Attempts,
    /// Of the failures so far the one that tells the client most.
    worst: Option<ModelError>,
}

impl InferenceService {
    /// Makes a call that was let in at the targets of its plan, in turn, until one answers.
    ///
    /// # Errors
    /// Of the failures the one that tells most, with what was tried; [`ChatError::SpoolFull`].
    pub(crate) async fn attempt<C: Call>(
        &self,
        caller: Caller<'_>,
        model: &AskedModel,
        entry: &Entry,
        (operation, input): (Operation, u64),
        call: &mut C,
    ) -> Result<Made<C::Answer>, ChatError> {
        let plan = Arc::clone(&model.plan);
        let mut run = Run {
            service: self,
            caller,
            course: self.course(&plan, C::STREAMED),
            standing: Standing { entry: entry.clone(), model: model.clone(), operation, input },
            is_let_in: true,
            paused: None,
            recorded: false,
            attempts: Attempts::default(),
            worst: None,
        };
        let mut step = run.first(call).await?;
        loop {
            let (mut open, tally) = run.open(&step, call)?;
            let begun = Instant::now();
            let whole = Whole { trace: open.trace(), operation: Some(operation.name()) };
            let answer = self.shoot((caller, whole), &run.course, &mut step, &tally, call).await;
            let answer = answer.and_then(|answer| match call.flaw(&answer, &mut open) {
                None => Ok(answer),
                Some(flaw) => {
                    step.trial.failed(rules::kind(flaw.failure), None);
                    Err(flaw)
                }
            });
            match answer {
                Ok(answer) => {
                    let mut facts = run.answered(&step);
                    facts.upstream = begun.elapsed();
                    call.tell(&mut facts);
                    return Ok(Made { answer, open, facts, tally, trial: step.trial });
                }
                Err(error) => step = run.next(step, open, error, call).await?,
            }
        }
    }

    fn course<'a>(&'a self, plan: &'a crate::routing::Plan, streamed: bool) -> Course<'a> {
        Course::new(plan.candidates(), Rules::new(&plan.options, &self.inner().routing), streamed)
    }

    /// Makes one attempt, and tells its target how it went.
    async fn shoot<C: Call>(
        &self,
        (caller, whole): (Caller<'_>, Whole),
        course: &Course<'_>,
        step: &mut Step<'_>,
        tally: &Tally,
        call: &C,
    ) -> Result<C::Answer, ModelError> {
        let target = step.target;
        let models = self.inner().places.at(&target.place).map_err(nowhere);
        let telling = &self.inner().metering.telling;
        let span = AttemptSpan::begin(telling, whole, C::METHOD, (target, step.attempt));
        let deadline = course.rules().patience(C::STREAMED).min(caller.context.remaining());
        let begun = Instant::now();
        let answer = match models {
            Ok(models) => {
                let shot = Shot { models, model: target.model.clone(), deadline, tally: tally.clone() };
                span.within(caller.context, call.make(shot)).await
            }
            Err(error) => Err(error),
        };
        match &answer {
            Ok(_) => {
                step.trial.succeeded(begun.elapsed());
                if !C::STREAMED {
                    step.trial.ended();
                }
            }
            Err(error) => {
                let kind = rules::kind(error.failure);
                if kind == FailureKind::TimedOut && !course.rules().blames(deadline, C::STREAMED) {
                    step.trial.gave_up();
                } else {
                    step.trial.failed(kind, error.retry_after);
                }
            }
        }
        let failure = answer.as_ref().err().map(|error| (error, rules::kind(error.failure)));
        span.end(failure);
        answer
    }
}

impl<'a> Run<'a> {
    /// The first target that the call can be made at.
    async fn first<C: Call>(&mut self, call: &mut C) -> Result<Step<'a>, ChatError> {
        loop {
            let step = self.course.first().ok_or_else(|| failed(no_target(), &self.attempts))?;
            if self.is_ready(&step, call).await {
                return Ok(step);
            }
            self.leave_out(&step);
        }
    }

    /// The record of the next attempt, and what counts its parts.
    fn open<C: Call>(&mut self, step: &Step<'_>, call: &C) -> Result<(OpenCall, Tally), ChatError> {
        let mut open = match self.paused.take() {
            Some(mut open) => {
                let at = (&step.target.place, &step.target.model);
                self.service.inner().metering.begin(&mut open, at, step.attempt);
                open
            }
            None => {
                let Standing { entry, model, operation, input } = &self.standing;
                let (cost, at) = ((*operation, *input), (step.target, step.attempt));
                let mut open = self.service.open_at(self.caller, model, entry, cost, at)?;
                open.asked(|most| call.asked(most));
                open
            }
        };
        self.is_let_in = false;
        if self.recorded {
            open.set_again();
        }
        let tally = Tally::default();
        if call.is_tallied() {
            open.watch(tally.clone());
        }
        if C::STREAMED {
            open.set_streamed();
        }
        open.dropped(call.dropped());
        Ok((open, tally))
    }

    /// What is told of the call that was answered.
    fn answered(&mut self, step: &Step<'_>) -> Facts {
        self.attempts.add(&step.target.place, &step.target.model, None);
        let facts = self.standing.entry.facts_at(&self.standing.model, step.target);
        Facts { attempts: self.attempts.clone(), ..facts }
    }

    /// Closes or keeps the record of an attempt that failed, and says where the next one goes.
    ///
    /// # Errors
    /// The failure, if there is none.
    async fn next<C: Call>(
        &mut self,
        step: Step<'a>,
        mut open: OpenCall,
        error: ModelError,
        call: &mut C,
    ) -> Result<Step<'a>, ChatError> {
        let (at, target, kind) = (step.at(), step.target, rules::kind(error.failure));
        self.attempts.add(&target.place, &target.model, Some(kind));
        let is_paid = open.has_answers();
        if open.may_have_cost(&error) {
            open.failed(error.code());
            self.recorded = true;
        } else {
            open.pause();
            self.paused = Some(open);
        }
        // The target has one call less under way.
        drop(step);
        let telling = &self.service.inner().metering.telling;
        // Parts that were answered would be charged for again, wherever the call is made.
        let another = if is_paid { None } else { self.another(at, kind, call).await };
        match another {
            Some(next) => {
                if next.at() != at {
                    attempt_span::moved_on(telling, target, kind);
                }
                retried(target, next.attempt - 1, kind, &error);
                self.worst = Some(failed::telling(self.worst.take(), error));
                Ok(next)
            }
            None => {
                let error = failed::telling(self.worst.take(), error);
                if let Some(open) = self.paused.take() {
                    open.given_up(error.code());
                }
                Err(failed(back_in(error, self.course.comes_back()), &self.attempts))
            }
        }
    }

    /// Where to go after a failure, with the call ready to be made there.
    async fn another<C: Call>(&mut self, at: usize, kind: FailureKind, call: &mut C) -> Option<Step<'a>> {
        loop {
            let left = self.caller.context.remaining();
            let step = match self.course.after(at, kind, left, &*self.service.inner().ids)? {
                Next::Elsewhere(step) => step,
                Next::Here(pause, at) => {
                    tokio::time::sleep(pause).await;
                    self.course.again(at)?
                }
            };
            if self.is_ready(&step, call).await {
                return Some(step);
            }
            self.leave_out(&step);
        }
    }

    /// Makes the call ready for a target, and has it let in there where it is not yet. `false`: it cannot be made there.
    async fn is_ready<C: Call>(&mut self, step: &Step<'_>, call: &mut C) -> bool {
        let Standing { entry, model, .. } = &self.standing;
        let way = self.way_to(&step.target.model).await;
        let holds = self.is_let_in || self.paused.is_some();
        if way == Way::Same && holds {
            return true;
        }
        let is_fit = way != Way::Other;
        let model = AskedModel { model: step.target.model.clone(), ..model.clone() };
        let need = if is_fit { Some(entry.need_again()) } else { call.need(self.service, &model) };
        let Some(need) = need else { return false };
        let (together, input) = (entry.together(), if is_fit { self.standing.input } else { need.input });
        if holds {
            // What was held by other limits is given back before anything is asked of these.
            if let Some(open) = self.paused.take() {
                open.replaced();
            }
            if std::mem::take(&mut self.is_let_in) {
                entry.give_back();
            }
        }
        let entry = match self.enter(&model, need, holds).await {
            Ok(entry) => entry.of_calls(together),
            Err(error) => {
                tracing::debug!(%error, "a target is left out");
                return false;
            }
        };
        if !is_fit && !call.refit(self.service, &entry, &model).await {
            return false;
        }
        let operation = self.standing.operation;
        self.standing = Standing { entry, model, operation, input };
        self.is_let_in = true;
        true
    }

    /// A target cannot be called: another way to the model that the call is ready for still may be.
    fn leave_out(&mut self, step: &Step<'a>) {
        let whole_model = !is_same(&self.standing.model.model, &step.target.model);
        self.course.unfit(step, whole_model);
    }

    /// What another target's limits have in common with those that the call was let in by. Policies may be for one way to
    /// a model and not for another.
    async fn way_to(&self, model: &ResolvedModel) -> Way {
        let standing = &self.standing;
        let before = standing.model.named();
        if !is_same(before.model, model) {
            return Way::Other;
        }
        if before.model.bedrock_id == model.bedrock_id {
            return Way::Same;
        }
        let after = Named { model, ..before };
        let admission = &self.service.inner().admission;
        let (Ok(before), Ok(after)) =
            (admission.terms(self.caller, before).await, admission.terms(self.caller, after).await)
        else {
            return Way::Other;
        };
        // What was made ready under a bound as strict as theirs is good there, too.
        let is_bounded = |by: &Clamp| before.clamp.is_some_and(|it| it.tokens <= by.tokens);
        let writes_alike =
            after.clamp.as_ref().is_none_or(is_bounded) && before.default_output == after.default_output;
        match before == after {
            true => Way::Same,
            false if writes_alike || !standing.entry.writes() => Way::Limits,
            false => Way::Other,
        }
    }

    async fn enter(&self, model: &AskedModel, need: Need, held: bool) -> Result<Entry, ChatError> {
        match self.service.enter(self.caller, model, need.clone()).await {
            // What the attempt before held is given back in the background, and may be all that stands in the way.
            Err(ChatError::RateLimited(_)) if held || self.course.has_begun() => {
                tokio::time::sleep(SETTLED_WITHIN).await;
                self.service.enter(self.caller, model, need).await
            }
            entered => entered,
        }
    }
}

/// Whether two ways lead to one model: what is made ready for one suits the other.
pub(crate) fn is_same(one: &ResolvedModel, other: &ResolvedModel) -> bool {
    let base = |model: &ResolvedModel| !model.info.base_id.is_empty();
    one.info.id == other.info.id || (base(one) && one.info.base_id == other.info.base_id)
}

/// Whether targets of more than one model may have to answer.
pub(crate) fn is_mixed(model: &AskedModel) -> bool {
    model.plan.candidates().iter().any(|it| !is_same(&it.model, &model.model))
}

/// The pieces of an answer; a target whose stream breaks is told so, and has one more call under way until it ends.
pub(crate) fn watched<P: Send + 'static>(
    pieces: impl Stream<Item = Result<P, ModelError>> + Send + 'static,
    mut trial: Trial,
) -> impl Stream<Item = Result<P, ModelError>> + Send + 'static {
    let pieces = pieces.map(Some).chain(stream::once(ready(None)));
    pieces.filter_map(move |piece| {
        match &piece {
            Some(Ok(_)) => {}
            Some(Err(error)) => trial.failed(rules::kind(error.failure), error.retry_after),
            None => trial.ended(),
        }
        ready(piece)
    })
}
