//! What came of a call so far.

use std::time::Instant;

use outcrop_chat::{BlockStart, Delta, Event, ServiceTier, StopReason};
use outcrop_types::{GuardrailState, Money, TokenUsage};
use outcrop_wire::anthropic::invoke::Weight;

use super::open_call::millis_since;
use crate::content::Said;

/// What came of a call so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) output: Weight,
    pub(super) first_token_ms: Option<u64>,
    pub(super) stop_reason: Option<StopReason>,
    /// The tier that answered, where Bedrock tells.
    pub(super) tier: Option<ServiceTier>,
    /// What a stream told at its beginning: what was read, and nothing yet of what was written.
    pub(super) begun: Option<TokenUsage>,
    /// What Bedrock says was used.
    pub(super) reported: Option<TokenUsage>,
    /// What guardrails found that looked on besides.
    pub(super) guard: GuardrailState,
    /// The text units they counted for that.
    pub(super) guard_units: u64,
    /// What an answer saved that another call gave, once that is known.
    pub(super) saved: Option<Money>,
    /// What was answered, where that is told.
    pub(super) said: Option<Said>,
}

impl Heard {
    pub(super) fn saw(&mut self, event: &Event, arrived: Instant) {
        if let Some(said) = &mut self.said {
            said.push(event);
        }
        match event {
            Event::Delta { delta, .. } => {
                let weight = match delta {
                    Delta::Text(text) | Delta::ToolInput(text) | Delta::Reasoning(text) => {
                        Weight::of(text.as_bytes())
                    }
                    // A thought that is not shown is paid for; what is sealed of it tells how long it is.
                    Delta::Signature(signature) => Weight::of_sealed(signature.len() / 4 * 3),
                    Delta::RedactedReasoning(sealed) => Weight::of_sealed(sealed.len()),
                    Delta::Citation(_) => Weight::default(),
                };
                self.wrote(weight, arrived);
            }
            Event::BlockStart { start: BlockStart::ToolUse { name, .. }, .. } => {
                self.wrote(Weight::of(name.as_bytes()), arrived)
            }
            Event::Stop(reason) => self.stop_reason = Some(*reason),
            Event::Usage(usage) => self.reported = Some(*usage),
            Event::Extra(extra) => self.tier = extra.service_tier.or(self.tier),
            Event::Start | Event::BlockStop { .. } => {}
        }
    }

    /// Of several findings the gravest one counts.
    pub(super) fn guarded(&mut self, state: GuardrailState, units: u64) {
        let gravity = |state| match state {
            GuardrailState::None => 0,
            GuardrailState::Passed => 1,
            GuardrailState::Observed => 2,
            GuardrailState::Intervened => 3,
        };
        if gravity(state) > gravity(self.guard) {
            self.guard = state;
        }
        self.guard_units += units;
    }

    pub(super) fn wrote(&mut self, weight: Weight, arrived: Instant) {
        self.output += weight;
        self.first_token_ms.get_or_insert_with(|| millis_since(arrived));
    }
}
