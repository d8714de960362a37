//! A call under way, from before it is made until its record is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use outcrop_chat::{Event, Response, ServiceTier, StopReason};
use outcrop_http::Spent;
use outcrop_lifecycle::Guard;
use outcrop_ports::{ModelError, Tally};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{
    CacheState, Classify, ErrorCode, GuardrailState, Money, Outcome, PriceTier, TokenUsage, UsageRecord,
};
use outcrop_wire::anthropic::invoke::Weight;

use super::call_span::CallSpan;
use super::heard::Heard;
use super::need::price_tier;
use super::pricing::Pricing;
use super::{At, shorten};
use crate::admission::{OpenHold, Used};
use crate::content::{Asked, Said};
use crate::entry::Entry;
use crate::spool::Spool;

/// Faster than models write. A whole answer that is given up tells nothing of how far it was: it is taken to be this far,
/// and no further than it may go.
const TOKENS_PER_SECOND: u64 = 200;

/// A call whose record is not written yet. Dropped, it is a call whose client went away.
pub(crate) struct OpenCall {
    /// Taken when it is written; nothing where another call's record is about this one, too.
    record: Option<Box<UsageRecord>>,
    kind: Kind,
    spool: Arc<Spool>,
    arrived: Instant,
    /// When the attempt began that this is about.
    begun: Instant,
    /// Whether nothing is asked of Bedrock now: one attempt has failed at no cost, and no other has begun.
    paused: bool,
    input_estimate: u64,
    /// The most that it may write.
    most_output: u64,
    heard: Arc<Mutex<Heard>>,
    /// Whether the model itself is listened to: what is made of its words is then not counted again.
    listens: bool,
    /// Where what the parts of the call use is counted, if it has such.
    tally: Option<Tally>,
    /// What it holds of its limits; taken when it is settled.
    hold: Option<OpenHold>,
    /// The rest of what its request holds, where the call is made in parts.
    rest: Option<Entry>,
    /// `None` where nothing is paid for.
    pricing: Option<Pricing>,
    /// What its request used so far.
    spent: Spent,
    /// What is told of it; taken when it is written.
    span: Option<Box<CallSpan>>,
    _open: Guard,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A call of a model.
    Called,
    /// An answer that was there: no model is called, nothing is paid for.
    Reused,
}

/// An answer that is given again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reused {
    /// Whether it was kept, or is that of a call still under way.
    pub(crate) state: CacheState,
    /// What the call would have cost, where that is known.
    pub(crate) saved: Option<Money>,
    /// How long ago it was given first.
    pub(crate) age: Duration,
}

/// A call as it is opened.
pub(super) struct Begun {
    pub(super) record: Option<UsageRecord>,
    pub(super) spool: Arc<Spool>,
    pub(super) arrived: Instant,
    pub(super) input_estimate: u64,
    pub(super) pricing: Option<Pricing>,
    pub(super) hold: Option<OpenHold>,
    pub(super) spent: Spent,
    pub(super) span: Option<CallSpan>,
    pub(super) open: Guard,
}

impl OpenCall {
    pub(super) fn new(begun: Begun) -> Self {
        let Begun { record, spool, arrived, input_estimate, pricing, hold, spent, span, open } = begun;
        let reserved = record.as_ref().map_or_else(TokenUsage::default, |it| it.tokens);
        Self {
            most_output: reserved.output,
            input_estimate: input_estimate.min(reserved.input),
            record: record.map(Box::new),
            kind: Kind::Called,
            spool,
            arrived,
            begun: Instant::now(),
            paused: false,
            heard: Arc::default(),
            listens: false,
            tally: None,
            hold,
            rest: None,
            pricing,
            spent,
            span: span.map(Box::new),
            _open: open,
        }
    }

    /// The same for an answer that is given again: it counts as a request, and uses nothing.
    pub(super) fn reused(begun: Begun, Reused { state, saved, age }: Reused) -> Self {
        let mut this = Self::new(begun);
        this.kind = Kind::Reused;
        if let Some(record) = &mut this.record {
            record.cache = state;
            record.cache_saved = saved;
            record.cache_age_ms = Some(millis(age));
        }
        this
    }

    /// The answer was looked for among those that are kept.
    pub(crate) fn set_cache(&mut self, state: CacheState) {
        if let Some(record) = &mut self.record {
            record.cache = state;
        }
    }

    /// Takes note of what the answer of another call saved, which is known when that ends.
    pub(crate) fn saves(&self) -> impl Fn(Money) + Send + Sync + use<> {
        let heard = Arc::clone(&self.heard);
        move |saved| lock(&heard).saved = Some(saved)
    }

    /// By what a further attempt is priced: the tier that is asked for, and the day.
    pub(super) fn priced(&self) -> Option<(PriceTier, DateTime<Utc>)> {
        self.record.as_ref().map(|record| (record.tier, record.at))
    }

    /// Another attempt begins, at this target: what is recorded is about it from now on.
    pub(super) fn begin(&mut self, (place, model): At<'_>, attempt: u8, pricing: Pricing) {
        (self.begun, self.paused) = (Instant::now(), false);
        if let Some(span) = &mut self.span {
            span.moved((place, model));
        }
        if let Some(record) = &mut self.record {
            record.attempt = attempt;
            record.region = place.region.to_string();
            record.account.clone_from(&place.account);
            shorten(&model.bedrock_id).clone_into(&mut record.model_served);
            record.cost = pricing.cost(record.tier, &record.tokens);
            if self.kind == Kind::Called {
                self.spool.moved(record, self.hold.as_ref().and_then(OpenHold::hold));
            }
        }
        self.pricing = Some(pricing);
    }

    /// An attempt before this one has a record of its own: this is no other request.
    pub(crate) fn set_again(&mut self) {
        if let Some(record) = &mut self.record {
            record.again = true;
        }
    }

    /// The attempt has failed at no cost: until another begins, whoever goes away has used nothing.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
    }

    /// The attempt has failed at no cost, and no other is made of the call: so has the call.
    pub(crate) fn given_up(mut self, code: ErrorCode) {
        self.cost_nothing(Outcome::Failed, Some(code));
    }

    /// The attempt has failed at no cost, and another call goes on in its place.
    pub(crate) fn replaced(mut self) {
        if let Some(span) = self.span.take() {
            span.leave();
        }
        self.cost_nothing(Outcome::Cancelled, None);
    }

    /// Where in its trace the call is: its attempts are below.
    pub(crate) fn trace(&self) -> TraceContext {
        self.span.as_ref().map_or_else(TraceContext::none, |it| it.span.context().clone())
    }

    /// How much of what is said may be told, bytes, if any is.
    fn content_bytes(&self) -> Option<usize> {
        self.span.as_ref()?.content_bytes()
    }

    /// Takes note of what is asked, where that is told.
    pub(crate) fn asked(&mut self, asked: impl FnOnce(usize) -> Option<Asked>) {
        if let Some(most) = self.content_bytes()
            && let Some(asked) = asked(most)
            && let Some(span) = &mut self.span
        {
            span.asked(asked);
        }
    }

    /// Takes note of what an answer in a model's own words says, or a piece of one, where that is told.
    pub(crate) fn saw_body(&mut self, body: &[u8]) {
        if let Some(most) = self.content_bytes() {
            self.heard().said.get_or_insert_with(|| Said::nothing(most)).push_body(body);
        }
    }

    /// Takes note of what had no effect on the model, by name.
    pub(crate) fn dropped(&mut self, dropped: &[&'static str]) {
        if let Some(span) = &mut self.span {
            dropped.clone_into(&mut span.dropped);
        }
    }

    /// Takes note of what guardrails found that looked on besides, and of the text units they counted for that.
    pub(crate) fn guarded(&mut self, state: GuardrailState, units: u64) {
        self.heard().guarded(state, units);
    }

    /// What guardrails found so far that looked on besides.
    pub(crate) fn found(&self) -> GuardrailState {
        self.heard().guard
    }

    /// The same from within a stream, which does not have the call at hand.
    pub(crate) fn guard(&self) -> impl Fn(GuardrailState, u64) + Send + Sync + use<> {
        let heard = Arc::clone(&self.heard);
        move |state, units| lock(&heard).guarded(state, units)
    }

    /// What the other parts of the request hold is kept until this record is written, which is about all of them.
    pub(crate) fn keeps(&mut self, rest: Entry) {
        self.rest = Some(rest);
    }

    /// Takes note of the tier that answered, where Bedrock tells.
    pub(crate) fn served_by(&mut self, tier: Option<ServiceTier>) {
        self.heard().tier = tier;
    }

    /// The call is made as a stream.
    pub(crate) fn set_streamed(&mut self) {
        if let Some(record) = &mut self.record {
            record.streamed = true;
        }
        if let Some(most) = self.content_bytes() {
            self.heard().said.get_or_insert_with(|| Said::nothing(most));
        }
    }

    /// Takes note of what one event says about usage.
    pub(crate) fn saw(&mut self, event: &Event) {
        if !self.listens {
            self.heard().saw(event, self.arrived);
        }
    }

    /// Whoever gets the model's own events hands them to this before anything is made of them: what is held back from
    /// the client is paid for all the same. What [`OpenCall::saw`] sees from then on says nothing new.
    pub(crate) fn listen(&mut self) -> impl FnMut(&Event) + Send + use<> {
        self.listens = true;
        let (heard, arrived) = (Arc::clone(&self.heard), self.arrived);
        move |event| lock(&heard).saw(event, arrived)
    }

    /// Whether somebody does.
    pub(crate) const fn listens(&self) -> bool {
        self.listens
    }

    pub(crate) fn saw_stop(&mut self, reason: StopReason) {
        self.heard().stop_reason = Some(reason);
    }

    /// Takes note of what a stream says at its beginning: if it ends early, only its output has to be estimated.
    pub(crate) fn begun(&mut self, usage: TokenUsage) {
        self.heard().begun = Some(usage);
    }

    /// What was told so far of what is used.
    pub(crate) fn told(&self) -> TokenUsage {
        let heard = self.heard();
        heard.reported.or(heard.begun).unwrap_or_default()
    }

    /// The call is made in parts, and what they use is counted here.
    pub(crate) fn watch(&mut self, tally: Tally) {
        self.tally = Some(tally);
    }

    /// Takes note of what the answer says it used.
    pub(crate) fn reported(&mut self, usage: TokenUsage) {
        self.heard().reported = Some(usage);
    }

    /// Takes note of what the text in the answer weighs, from which its tokens are estimated if nobody tells.
    pub(crate) fn saw_output(&mut self, weight: Weight) {
        self.heard().wrote(weight, self.arrived);
    }

    /// Takes note of a whole answer.
    pub(crate) fn saw_answer(&mut self, response: &Response) {
        if let Some(most) = self.content_bytes() {
            self.heard().said = Some(Said::whole(&response.content, most));
        }
        self.reported(response.usage);
        self.served_by(response.extra.service_tier);
        self.saw_stop(response.stop_reason);
    }

    /// Answered to the end: the record is safe when this returns.
    pub(crate) fn completed(&mut self) {
        self.write(Outcome::Completed, None);
    }

    /// Failed on the way.
    pub(crate) fn failed(&mut self, code: ErrorCode) {
        self.write(Outcome::Failed, Some(code));
    }

    /// Failed before anything came. Only what Bedrock may have charged for is recorded.
    pub(crate) fn refused(&mut self, error: &ModelError) {
        if self.may_have_cost(error) {
            self.failed(error.code());
        } else {
            self.cost_nothing(Outcome::Failed, Some(error.code()));
        }
    }

    /// Whether something may be charged for a call that failed like this.
    pub(crate) fn may_have_cost(&self, error: &ModelError) -> bool {
        // One part may have failed at no cost, and others not.
        let cost = self.tally.as_ref().map_or(error.failure.may_cost(), |tally| !tally.read().0.is_nothing());
        (cost && self.kind == Kind::Called) || self.heard().guard_units > 0
    }

    /// Whether some part of the call was answered: it would be charged for again if the call were made again.
    pub(crate) fn has_answers(&self) -> bool {
        self.tally.as_ref().is_some_and(Tally::has_answers)
    }

    /// The call has ended, and there is nothing to record of it: what it held is given back.
    fn cost_nothing(&mut self, outcome: Outcome, error: Option<ErrorCode>) {
        let Some(mut record) = self.record.take() else { return };
        if self.kind == Kind::Called {
            self.spool.void(record.id);
        }
        if let Some(span) = self.span.take() {
            (record.outcome, record.latency_ms) = (outcome, millis_since(self.arrived));
            (record.tokens, record.estimated) = (TokenUsage::default(), false);
            (record.cost, record.cache_saved) = (None, None);
            span.end(record, error, (None, Money::ZERO));
        }
        self.settle(&Used::nothing());
    }

    fn settle(&mut self, used: &Used) {
        if let Some(hold) = self.hold.take() {
            hold.settle(used);
        }
        self.rest = None;
    }

    /// What was used, and whether that is an estimate.
    fn used(&self, heard: &Heard, streamed: bool) -> (TokenUsage, bool) {
        if self.kind == Kind::Reused || self.paused {
            return (TokenUsage::default(), false);
        }
        let estimate = || TokenUsage {
            output: match heard.output.tokens() {
                0 if !streamed => self.unheard(),
                tokens => tokens.min(self.most_output),
            },
            ..heard.begun.unwrap_or(TokenUsage { input: self.input_estimate, ..TokenUsage::default() })
        };
        match (heard.reported, &self.tally) {
            (Some(reported), _) => (reported, false),
            (None, Some(tally)) => tally.read(),
            (None, None) => (estimate(), true),
        }
    }

    /// What a whole answer may have come to by now.
    fn unheard(&self) -> u64 {
        (millis_since(self.begun).saturating_mul(TOKENS_PER_SECOND) / 1_000).min(self.most_output)
    }

    fn write(&mut self, outcome: Outcome, error: Option<ErrorCode>) {
        let Some(mut record) = self.record.take() else { return };
        record.outcome = outcome;
        record.error = error.map(|code| code.name().to_owned());
        record.latency_ms = millis_since(self.arrived);
        let said = {
            let mut heard = self.heard();
            record.stop_reason = heard.stop_reason.map(|reason| reason.name().to_owned());
            record.first_token_ms = heard.first_token_ms.filter(|_| record.streamed);
            (record.tokens, record.estimated) = self.used(&heard, record.streamed);
            record.tokens.guardrail_units += heard.guard_units;
            record.guardrail = heard.guard;
            record.cache_saved = heard.saved.or(record.cache_saved);
            record.tier = heard.tier.map_or(record.tier, |tier| price_tier(Some(tier)));
            heard.said.take()
        };
        let pricing = self.pricing.as_ref().filter(|_| self.kind == Kind::Called);
        record.cost = pricing.and_then(|it| it.cost(record.tier, &record.tokens));
        let mut saved = Money::ZERO;
        if let Some(pricing) = pricing {
            let used = pricing.used(record.tier, &record.tokens, record.cost.as_ref());
            saved = used.saved;
            self.spent.add(used);
        }
        tracing::debug!(
            request.id = %record.request_id,
            team.id = %record.team,
            gen_ai.request.model = record.model_asked,
            gen_ai.response.model = record.model_served,
            cloud.region = record.region,
            outcrop.attempt = record.attempt,
            outcrop.cache = record.cache.name(),
            gen_ai.usage.input_tokens = record.tokens.total_input(),
            gen_ai.usage.output_tokens = record.tokens.output,
            duration_ms = record.latency_ms,
            outcrop.outcome = outcome.name(),
            "a model was called"
        );
        self.spool.append(&record);
        let used = match self.kind {
            Kind::Called => Used { tokens: record.tokens, cost: record.cost.clone() },
            Kind::Reused => Used::nothing(),
        };
        if let Some(span) = self.span.take() {
            span.end(record, error, (said, saved));
        }
        self.settle(&used);
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        lock(&self.heard)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        // Whoever went away before the first part was sent, or between two attempts, cost nothing.
        let unused = self.tally.as_ref().is_some_and(|tally| tally.read().0.is_nothing());
        if (unused || self.paused) && self.heard().guard_units == 0 {
            self.cost_nothing(Outcome::Cancelled, None);
        }
        self.write(Outcome::Cancelled, None);
    }
}

/// A panic between two notes leaves numbers, not a broken structure.
fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn millis_since(then: Instant) -> u64 {
    millis(then.elapsed())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
