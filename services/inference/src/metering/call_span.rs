//! The span of a call: from before it is made until its record is written, with all of its attempts.

use std::sync::Arc;
use std::time::SystemTime;

use outcrop_ports::ModelInfo;
use outcrop_telemetry::later::{self, Of, Tell};
use outcrop_telemetry::trace::{Array, Span, SpanKind, StringValue, TraceContext, Value, now};
use outcrop_telemetry::{metric, names};
use outcrop_types::{ErrorCode, Money, Outcome, Region, UsageRecord};
use outcrop_wire::Dialect;

use super::telling::Telling;
use super::{At, Operation};
use crate::content;

/// The provider, by the conventions' name.
pub(crate) const PROVIDER: &str = "aws.bedrock";

/// Most names of dropped fields that a span has.
const MOST_DROPPED: usize = 16;

/// What is known of a call that its record does not say.
pub(super) struct CallSpan {
    pub(super) span: Span,
    pub(super) telling: Arc<Telling>,
    pub(super) operation: Operation,
    pub(super) dialect: Dialect,
    /// By which its span is named.
    first: Arc<ModelInfo>,
    pub(super) model: Arc<ModelInfo>,
    region: Region,
    /// What had no effect on the model.
    pub(super) dropped: Vec<&'static str>,
}

impl CallSpan {
    /// Begins now, for a call that goes there.
    pub(super) fn begin(
        telling: &Arc<Telling>,
        parent: &TraceContext,
        (operation, dialect): (Operation, Dialect),
        (place, model): At<'_>,
        route: Option<&str>,
    ) -> Self {
        let mut span = Span::start(SpanKind::Internal, operation.name(), parent);
        if let Some(route) = route.filter(|_| span.is_recording()) {
            span.set(names::MODEL_ROUTE, route);
        }
        Self {
            span,
            telling: Arc::clone(telling),
            operation,
            dialect,
            first: Arc::clone(&model.info),
            model: Arc::clone(&model.info),
            region: place.region.clone(),
            dropped: Vec::new(),
        }
    }

    /// The call goes there now.
    pub(super) fn moved(&mut self, (place, model): At<'_>) {
        if self.model.id == model.info.id && self.region == place.region {
            // Tried once more.
            return;
        }
        (self.model, self.region) = (Arc::clone(&model.info), place.region.clone());
    }

    /// How much of what is said may be part of the span, bytes, if any is.
    pub(super) fn content_bytes(&self) -> Option<usize> {
        self.telling.content_bytes.filter(|_| self.span.is_recording())
    }

    /// What is asked.
    pub(super) fn asked(&mut self, content::Asked { system, messages }: content::Asked) {
        if let Some(system) = system {
            self.span.set(names::GEN_AI_SYSTEM, system);
        }
        self.span.set(names::GEN_AI_INPUT_MESSAGES, messages);
    }

    /// The call has ended like this.
    pub(super) fn end(
        self: Box<Self>,
        record: Box<UsageRecord>,
        error: Option<ErrorCode>,
        (said, saved): (Option<content::Said>, Money),
    ) {
        if !self.span.is_recording() && !metric::is_going() {
            return;
        }
        let has_content = self.content_bytes().is_some();
        let over = Box::new(Over { call: self, record, error, said, saved, at: now() });
        if has_content {
            // What was said has its bound on the way to the collector, and none before.
            over.tell();
        } else {
            later::tell(Of::Call, over);
        }
    }

    /// The call is made by another one that begins elsewhere.
    pub(super) fn leave(mut self) {
        self.span.set(names::OUTCOME, "left");
    }

    /// Names the span as the conventions want it.
    fn name(&mut self) {
        if self.span.is_recording() {
            self.span.rename(format!("{} {}", self.operation.name(), self.first.id));
        }
    }

    fn put_call(&mut self, record: &UsageRecord) {
        let span = &mut self.span;
        span.set(names::GEN_AI_OPERATION, self.operation.name());
        span.set(names::GEN_AI_PROVIDER, PROVIDER);
        span.set(names::GEN_AI_REQUEST_MODEL, &record.model_asked);
        span.set(names::GEN_AI_RESPONSE_MODEL, &record.model_served);
        span.set(names::GEN_AI_STREAM, record.streamed);
        span.set(names::REGION, &record.region);
        if let Some(account) = &record.account {
            span.set(names::ACCOUNT, account.to_string());
        }
        span.set(names::WAY, way(record));
        span.set(names::DIALECT, self.dialect.name());
        span.set(names::CACHE, record.cache.name());
        span.set(names::GUARDRAIL, record.guardrail.name());
        span.set(names::ATTEMPT, i64::from(record.attempt));
        span.set(names::REQUEST_ID, record.request_id.to_string());
        span.set(names::TEAM_ID, record.team.to_string());
        if !self.dropped.is_empty() {
            span.set(names::DROPPED_FIELDS, strings(self.dropped.iter().take(MOST_DROPPED)));
        }
        if let Some(reason) = &record.stop_reason {
            span.set(names::GEN_AI_FINISH_REASONS, strings([reason.as_str()].iter()));
        }
        if let Some(first) = record.first_token_ms {
            span.set(names::GEN_AI_FIRST_CHUNK, first as f64 / 1_000.0);
        }
    }

    fn put_use(&mut self, record: &UsageRecord, saved: Money) {
        let (span, tokens) = (&mut self.span, &record.tokens);
        span.set(names::GEN_AI_INPUT_TOKENS, whole(tokens.total_input()));
        span.set(names::GEN_AI_OUTPUT_TOKENS, whole(tokens.output));
        span.set(names::ESTIMATED, record.estimated);
        let written = tokens.cache_write_5m + tokens.cache_write_1h;
        for (name, count) in [
            (names::GEN_AI_CACHE_READ_TOKENS, tokens.cache_read),
            (names::GEN_AI_CACHE_WRITE_TOKENS, written),
            (names::GEN_AI_REASONING_TOKENS, tokens.reasoning),
        ] {
            if count > 0 {
                span.set(name, whole(count));
            }
        }
        if let Some(cost) = &record.cost {
            span.set(names::COST_USD, dollars(cost.usd));
        }
        let saved = record.cache_saved.unwrap_or_default() + saved;
        if saved > Money::ZERO {
            span.set(names::SAVED_USD, dollars(saved));
        }
    }

    /// Whether anything was asked of a model, or could have been: looks of guardrails alone are no calls.
    pub(super) fn is_call(&self) -> bool {
        self.operation != Operation::Guardrail
    }
}

impl Drop for CallSpan {
    /// Also of a call that was never made.
    fn drop(&mut self) {
        self.name();
    }
}

/// A call that is over, and how it went.
struct Over {
    call: Box<CallSpan>,
    record: Box<UsageRecord>,
    error: Option<ErrorCode>,
    said: Option<content::Said>,
    /// What a cheaper tier saved.
    saved: Money,
    at: SystemTime,
}

impl Tell for Over {
    fn tell(self: Box<Self>) {
        let Self { mut call, record, error, said, saved, at } = *self;
        if metric::is_going() {
            call.count(&record, error, saved);
        }
        if call.span.is_recording() {
            call.put_call(&record);
            call.put_use(&record, saved);
            if let Some(said) = said {
                let reason = record.stop_reason.as_deref().or(error.map(|_| "error"));
                call.span.set(names::GEN_AI_OUTPUT_MESSAGES, said.messages(reason));
            }
            match error {
                Some(code) if code.status() >= 500 => call.span.fail(code.name(), code.name()),
                // What a client got wrong, or has had too much of.
                Some(code) => call.span.fail_within(code.name(), code.name()),
                None => {}
            }
            call.span.set(names::OUTCOME, record.outcome.name());
        }
        call.name();
        call.span.take().end_at(at);
    }
}

/// How the call was done.
pub(super) const fn way(record: &UsageRecord) -> &'static str {
    match record.tier {
        outcrop_types::PriceTier::Standard => "on_demand",
        tier => tier.name(),
    }
}

/// Dollars, for sums of money that no bill is made of.
pub(super) fn dollars(money: Money) -> f64 {
    money.nano_usd() as f64 / 1e9
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn strings<'a>(texts: impl Iterator<Item = &'a &'a str>) -> Value {
    Value::Array(Array::String(texts.map(|it| StringValue::from((*it).to_owned())).collect()))
}

/// Whether the client went away, which is no failure.
pub(super) const fn is_given_up(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Cancelled | Outcome::Lost)
}
