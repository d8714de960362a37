//! The metrics of a call that has ended.

use std::sync::Arc;

use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use outcrop_types::{CacheState, ErrorCode, GuardrailState, Money, Outcome, PriceTier, UsageRecord};

use super::call_span::{CallSpan, PROVIDER, dollars, is_given_up, way};

const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// The labels of one call, each of them built once.
struct Labels {
    operation: KeyValue,
    provider: KeyValue,
    team: KeyValue,
    model: KeyValue,
}

impl CallSpan {
    /// Counts the call; `saved` is what a cheaper tier saved.
    pub(super) fn count(&self, record: &UsageRecord, error: Option<ErrorCode>, saved: Money) {
        if !metric::is_going() {
            return;
        }
        let labels = Labels {
            operation: KeyValue::new(names::GEN_AI_OPERATION, self.operation.name()),
            provider: KeyValue::new(names::GEN_AI_PROVIDER, PROVIDER),
            team: KeyValue::new(names::TEAM, self.telling.team(record.team)),
            model: KeyValue::new(names::GEN_AI_REQUEST_MODEL, self.telling.model(&self.model)),
        };
        if self.is_call() {
            self.count_call(record, &labels);
            labels.times(record, error);
            labels.tokens(record);
        }
        labels.money(record, saved);
        if matches!(record.guardrail, GuardrailState::Observed | GuardrailState::Intervened) {
            names::GUARDRAIL_ACTIONS.add(1.0, &[KeyValue::new(names::GUARDRAIL, record.guardrail.name())]);
        }
    }

    fn count_call(&self, record: &UsageRecord, labels: &Labels) {
        let region = self.region.clone().unwrap_or_else(|| Arc::from(record.region.as_str()));
        let (outcome, cache) = (record.outcome.name(), KeyValue::new(names::CACHE, record.cache.name()));
        names::MODEL_CALLS.add(
            1.0,
            &[
                labels.team.clone(),
                labels.model.clone(),
                KeyValue::new(names::REGION, region),
                KeyValue::new(names::OUTCOME, outcome),
                cache.clone(),
            ],
        );
        match record.cache {
            CacheState::Hit | CacheState::Coalesced => names::CACHE_HITS.add(1.0, &[cache]),
            // An earlier attempt of the same request was counted as that.
            CacheState::Miss if !record.again => names::CACHE_MISSES.add(1.0, &[]),
            CacheState::Miss | CacheState::Bypass => {}
        }
        if !self.dropped.is_empty() {
            let dialect = KeyValue::new(names::DIALECT, self.dialect.name());
            names::FIELDS_DROPPED.add(count(self.dropped.len() as u64), &[dialect]);
        }
    }
}

impl Labels {
    /// How long it took. Calls of batch inference were made long before, whoever went away did not wait for the end, and
    /// where the answer was there no model was called.
    fn times(&self, record: &UsageRecord, error: Option<ErrorCode>) {
        let called = !record.cache.spared_the_call();
        if record.tier == PriceTier::Batch || is_given_up(record.outcome) || !called {
            return;
        }
        let [operation, provider, model] =
            [self.operation.clone(), self.provider.clone(), self.model.clone()];
        let seconds = |millis: u64| count(millis) / 1_000.0;
        let of = [operation, provider, model];
        match error {
            None => names::GEN_AI_SERVER_DURATION.record(seconds(record.latency_ms), &of),
            Some(code) => {
                let [operation, provider, model] = of.clone();
                let failed = [operation, provider, model, KeyValue::new(names::ERROR_TYPE, code.name())];
                names::GEN_AI_SERVER_DURATION.record(seconds(record.latency_ms), &failed);
            }
        }
        let Some(first) = record.first_token_ms.filter(|_| record.streamed) else { return };
        names::GEN_AI_SERVER_FIRST_TOKEN.record(seconds(first), &of);
        let tokens = record.tokens.output;
        if record.outcome == Outcome::Completed && tokens > 1 {
            let rest = seconds(record.latency_ms.saturating_sub(first));
            names::GEN_AI_SERVER_PER_TOKEN.record(rest / count(tokens - 1), &of);
        }
    }

    fn tokens(&self, record: &UsageRecord) {
        let tokens = &record.tokens;
        let kind = |name: &'static str| KeyValue::new(names::GEN_AI_TOKEN_TYPE, name);
        for (name, used) in [
            (INPUT, tokens.input),
            ("cache_read", tokens.cache_read),
            ("cache_write", tokens.cache_write_5m + tokens.cache_write_1h),
            (OUTPUT, tokens.output.saturating_sub(tokens.reasoning)),
            ("reasoning", tokens.reasoning),
        ] {
            if used > 0 {
                names::TOKENS.add(count(used), &[self.team.clone(), self.model.clone(), kind(name)]);
            }
        }
        for (name, used) in [(INPUT, tokens.total_input()), (OUTPUT, tokens.output)] {
            if used > 0 {
                let [operation, provider, model] =
                    [self.operation.clone(), self.provider.clone(), self.model.clone()];
                names::GEN_AI_CLIENT_TOKENS.record(count(used), &[operation, provider, model, kind(name)]);
            }
        }
    }

    fn money(&self, record: &UsageRecord, saved: Money) {
        if let Some(cost) = &record.cost {
            names::COST.add(dollars(cost.usd), &[self.team.clone(), self.model.clone()]);
        }
        for (why, saved) in [("cache", record.cache_saved.unwrap_or_default()), (way(record), saved)] {
            if saved > Money::ZERO {
                names::SAVED.add(dollars(saved), &[self.team.clone(), KeyValue::new(names::REASON, why)]);
            }
        }
    }
}

fn count(number: u64) -> f64 {
    number as f64
}
