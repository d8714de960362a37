//! The metrics of a call that has ended.

use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_types::{CacheState, ErrorCode, GuardrailState, Money, Outcome, PriceTier, UsageRecord};

use super::call_span::{CallSpan, PROVIDER, dollars, is_given_up, way};

const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// The labels of one call, built once: instruments take as many of them as they have, and the last ones change.
struct Labels {
    /// Team, model, outcome, cache.
    of_team: [KeyValue; 4],
    /// Operation, provider, model, and one more.
    of_model: [KeyValue; 4],
}

impl CallSpan {
    /// Counts the call; `saved` is what a cheaper tier saved.
    pub(super) fn count(&self, record: &UsageRecord, error: Option<ErrorCode>, saved: Money) {
        let model = KeyValue::new(names::GEN_AI_REQUEST_MODEL, self.telling.model(&self.model));
        let mut labels = Labels {
            of_team: [
                KeyValue::new(names::TEAM, self.telling.team(record.team)),
                model.clone(),
                KeyValue::new(names::OUTCOME, record.outcome.name()),
                KeyValue::new(names::CACHE, record.cache.name()),
            ],
            of_model: [
                KeyValue::new(names::GEN_AI_OPERATION, self.operation.name()),
                KeyValue::new(names::GEN_AI_PROVIDER, PROVIDER),
                model,
                KeyValue::new(names::ERROR_TYPE, error.map_or("", ErrorCode::name)),
            ],
        };
        if self.is_call() {
            labels.call(record);
            labels.times(record, error.is_some());
            labels.tokens(record);
            self.count_dropped();
        }
        labels.money(record, saved);
        if matches!(record.guardrail, GuardrailState::Observed | GuardrailState::Intervened) {
            names::GUARDRAIL_ACTIONS.add(1.0, &[KeyValue::new(names::GUARDRAIL, record.guardrail.name())]);
        }
    }

    fn count_dropped(&self) {
        if !self.dropped.is_empty() {
            let dialect = KeyValue::new(names::DIALECT, self.dialect.name());
            names::FIELDS_DROPPED.add(count(self.dropped.len() as u64), &[dialect]);
        }
    }
}

impl Labels {
    fn call(&self, record: &UsageRecord) {
        names::MODEL_CALLS.add(1.0, &self.of_team);
        match record.cache {
            CacheState::Hit | CacheState::Coalesced => names::CACHE_HITS.add(1.0, &self.of_team[3..]),
            // An earlier attempt of the same request was counted as that.
            CacheState::Miss if !record.again => names::CACHE_MISSES.add(1.0, &[]),
            CacheState::Miss | CacheState::Bypass => {}
        }
    }

    /// How long it took. Calls of batch inference were made long before, whoever went away did not wait for the end, and
    /// where the answer was there no model was called.
    fn times(&self, record: &UsageRecord, has_failed: bool) {
        let called = !record.cache.spared_the_call();
        if record.tier == PriceTier::Batch || is_given_up(record.outcome) || !called {
            return;
        }
        let seconds = |millis: u64| count(millis) / 1_000.0;
        let of = &self.of_model[..3];
        let with_error = if has_failed { &self.of_model[..] } else { of };
        names::GEN_AI_SERVER_DURATION.record(seconds(record.latency_ms), with_error);
        let Some(first) = record.first_token_ms.filter(|_| record.streamed) else { return };
        names::GEN_AI_SERVER_FIRST_TOKEN.record(seconds(first), of);
        let tokens = record.tokens.output;
        if record.outcome == Outcome::Completed && tokens > 1 {
            let rest = seconds(record.latency_ms.saturating_sub(first));
            names::GEN_AI_SERVER_PER_TOKEN.record(rest / count(tokens - 1), of);
        }
    }

    fn tokens(&mut self, record: &UsageRecord) {
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
                self.of_team[2] = kind(name);
                names::TOKENS.add(count(used), &self.of_team[..3]);
            }
        }
        for (name, used) in [(INPUT, tokens.total_input()), (OUTPUT, tokens.output)] {
            if used > 0 {
                self.of_model[3] = kind(name);
                names::GEN_AI_CLIENT_TOKENS.record(count(used), &self.of_model);
            }
        }
    }

    fn money(&mut self, record: &UsageRecord, saved: Money) {
        if let Some(cost) = &record.cost {
            names::COST.add(dollars(cost.usd), &self.of_team[..2]);
        }
        for (why, saved) in [("cache", record.cache_saved.unwrap_or_default()), (way(record), saved)] {
            if saved > Money::ZERO {
                self.of_team[1] = KeyValue::new(names::REASON, why);
                names::SAVED.add(dollars(saved), &self.of_team[..2]);
            }
        }
    }
}

fn count(number: u64) -> f64 {
    number as f64
}
