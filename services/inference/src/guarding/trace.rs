//! What is told of what guardrails found: to the client that asked for it, and to the record of the call.

use std::sync::{Arc, Mutex, PoisonError};

use outcrop_chat::{Extra, StopReason};
use outcrop_ports::GuardedSide;
use outcrop_types::GuardrailState;
use serde_json::{Map, Value, json};

use super::look::{Does, Found};
use super::rules::short;

/// The header that tells what guardrails did, as far as that is known when an answer begins.
pub(super) const HEADER: &str = "x-outcrop-guardrail";

/// What guardrails found in one call. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    state: Option<GuardrailState>,
    /// Who stepped in, each once.
    who: Vec<String>,
    /// Units that no record is about yet.
    units: u64,
    input: Map<String, Value>,
    output: Map<String, Value>,
    reason: Option<&'static str>,
}

impl Seen {
    /// Takes note of a look.
    pub(super) fn add(&self, side: GuardedSide, found: &Found) {
        let mut inner = self.lock();
        inner.units += found.units;
        inner.raise(if found.does == Does::Nothing {
            GuardrailState::Passed
        } else {
            GuardrailState::Intervened
        });
        found.who.iter().for_each(|who| inner.stepped_in(who));
        inner.reason = match found.does {
            Does::Block(_) => Some("Guardrail blocked."),
            Does::Mask(_) => inner.reason.or(Some("Guardrail masked.")),
            Does::Nothing => inner.reason,
        };
        for (id, assessment) in &found.assessments {
            match side {
                // A side that was looked at in parts has several; the last one of the input is told, as Bedrock has but one.
                GuardedSide::Input => drop(inner.input.insert(id.clone(), assessment.clone())),
                GuardedSide::Output => {
                    let all = inner.output.entry(id.clone()).or_insert_with(|| json!([]));
                    if let Value::Array(all) = all {
                        all.push(assessment.clone());
                    }
                }
            }
        }
    }

    /// Takes note of what Bedrock says of the guardrail that it applied itself; what the client did not ask for is taken
    /// out of the answer.
    pub(super) fn add_native(&self, id: &str, extra: &mut Extra, stop: Option<StopReason>, traced: bool) {
        let trace = extra.trace.as_mut().and_then(|it| it.get_mut("guardrail"));
        let steps_in = |it: &Value| has_action(it, "BLOCKED") || has_action(it, "ANONYMIZED");
        let intervened =
            stop == Some(StopReason::GuardrailIntervened) || trace.as_ref().is_some_and(|it| steps_in(it));
        {
            let mut inner = self.lock();
            inner.units += trace.as_ref().map_or(0, |it| units(it));
            inner.raise(if intervened { GuardrailState::Intervened } else { GuardrailState::Passed });
            if intervened {
                inner.stepped_in(short(id));
            }
        }
        if !traced && let Some(Value::Object(all)) = &mut extra.trace {
            all.shift_remove("guardrail");
            if all.is_empty() {
                extra.trace = None;
            }
        }
    }

    /// Something was found by one that only tells.
    pub(super) fn observed(&self, intervened: bool) {
        self.lock().raise(if intervened { GuardrailState::Observed } else { GuardrailState::Passed });
    }

    /// Adds what was found to what an answer tells.
    pub(super) fn tell(&self, extra: &mut Extra) {
        let inner = self.lock();
        if inner.input.is_empty() && inner.output.is_empty() {
            return;
        }
        let mut trace = extra.trace.take().unwrap_or_else(|| json!({}));
        for (side, found) in [("inputAssessment", &inner.input), ("outputAssessments", &inner.output)] {
            for (id, assessment) in found {
                trace["guardrail"][side][id] = assessment.clone();
            }
        }
        if let Some(reason) = inner.reason {
            trace["guardrail"]["actionReason"] = json!(reason);
        }
        extra.trace = Some(trace);
    }

    /// The state, and the units that no record is about yet: from now on one is.
    pub(super) fn take(&self) -> (GuardrailState, u64) {
        let mut inner = self.lock();
        (inner.state.unwrap_or_default(), std::mem::take(&mut inner.units))
    }

    /// What the header says; nothing where none has looked yet.
    pub(super) fn header(&self) -> Option<(&'static str, String)> {
        let inner = self.lock();
        let state = inner.state?.name();
        let who = inner.who.join(",");
        Some((HEADER, if who.is_empty() { state.to_owned() } else { format!("{state}; id={who}") }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn stepped_in(&mut self, who: &str) {
        if !self.who.iter().any(|it| it == who) {
            self.who.push(who.to_owned());
        }
    }

    fn raise(&mut self, state: GuardrailState) {
        let gravity = |state| match state {
            GuardrailState::None => 0,
            GuardrailState::Passed => 1,
            GuardrailState::Observed => 2,
            GuardrailState::Intervened => 3,
        };
        if self.state.is_none_or(|it| gravity(state) > gravity(it)) {
            self.state = Some(state);
        }
    }
}

fn has_action(found: &Value, action: &str) -> bool {
    match found {
        Value::Array(items) => items.iter().any(|it| has_action(it, action)),
        Value::Object(fields) => {
            fields.get("action").is_some_and(|it| it == action)
                || fields.values().any(|it| has_action(it, action))
        }
        _ => false,
    }
}

/// The units in `invocationMetrics.usage`, wherever they stand; free ones are none.
fn units(trace: &Value) -> u64 {
    match trace {
        Value::Array(items) => items.iter().map(units).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match key.as_str() {
                "usage" => value.as_object().map_or(0, of_usage),
                _ => units(value),
            })
            .sum(),
        _ => 0,
    }
}

fn of_usage(usage: &Map<String, Value>) -> u64 {
    let charged = usage.iter().filter(|(key, _)| key.ends_with("PolicyUnits"));
    charged.filter_map(|(_, count)| count.as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bedrock_found_is_metered_and_told_only_where_that_was_asked_for() {
        let trace = json!({"guardrail": {
            "inputAssessment": {"gr1": {"invocationMetrics": {"usage": {
                "wordPolicyUnits": 2, "sensitiveInformationPolicyUnits": 1, "sensitiveInformationPolicyFreeUnits": 9}}}},
            "outputAssessments": {"gr1": [{
                "sensitiveInformationPolicy": {"piiEntities": [{"action": "ANONYMIZED"}], "regexes": []},
                "invocationMetrics": {"usage": {"wordPolicyUnits": 4}}}]}}});
        for traced in [true, false] {
            let seen = Seen::default();
            let mut extra = Extra { trace: Some(trace.clone()), ..Extra::default() };
            seen.add_native("gr1", &mut extra, Some(StopReason::EndTurn), traced);
            assert_eq!(extra.trace.is_some(), traced);
            assert_eq!(seen.header(), Some((HEADER, "intervened; id=gr1".to_owned())));
            assert_eq!(seen.take(), (GuardrailState::Intervened, 7));
            assert_eq!(seen.take(), (GuardrailState::Intervened, 0), "counted once");
        }
    }
}
