//! Faults on demand: what goes wrong, and how often.

use crate::errors::Exception;
use crate::hash;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// What stands in the place of a client's own words where a fault repeats some, as Bedrock does: whoever logs what Bedrock
/// says can be searched for it.
pub const QUOTED: &str = "what-a-client-wrote-and-bedrock-repeats";

/// What the emulator does wrong on purpose. The JSON form is the body of `POST /_emulator/faults`.
///
/// Only model invocations (`/model/…`) are affected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Faults {
    /// Milliseconds before the first byte of every answer.
    pub latency_ms: u64,
    /// Tokens per second of streams, and of the time whole answers take; 0 is as fast as possible.
    pub tokens_per_second: f64,
    /// Seed of the shares: the same seed and the same order of requests give the same faults.
    pub seed: u64,
    /// Tried in order; the first that strikes decides the request.
    pub rules: Vec<FaultRule>,
}

/// One kind of fault and when it strikes: the `next` n requests first, then a `share` of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: FaultKind,
    /// Share of requests, 0 to 1.
    #[serde(default)]
    pub share: f64,
    /// How many of the coming requests, one after another.
    #[serde(default)]
    pub next: u64,
    /// For faults in mid-stream: events sent before it.
    #[serde(default)]
    pub after_events: usize,
    /// For [`FaultKind::Slow`]: milliseconds before the first byte.
    #[serde(default)]
    pub latency_ms: u64,
    /// Only invocations whose model id contains this.
    #[serde(default)]
    pub model: Option<String>,
}

impl FaultRule {
    /// A rule that strikes the next `count` requests.
    pub fn next(fault: FaultKind, count: u64) -> Self {
        Self { fault, share: 0.0, next: count, after_events: 0, latency_ms: 0, model: None }
    }

    /// A rule that strikes a share of all requests.
    pub fn share(fault: FaultKind, share: f64) -> Self {
        Self { share, ..Self::next(fault, 0) }
    }

    /// The same rule, striking after so many events of a stream.
    #[must_use]
    pub fn after_events(self, after_events: usize) -> Self {
        Self { after_events, ..self }
    }
}

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// 429 `ThrottlingException`.
    Throttling,
    /// 429 `ModelNotReadyException`.
    ModelNotReady,
    /// 500 `InternalServerException`.
    InternalServer,
    /// 503 `ServiceUnavailableException`.
    ServiceUnavailable,
    /// 408 `ModelTimeoutException`.
    ModelTimeout,
    /// 424 `ModelErrorException`.
    ModelError,
    /// 403 `AccessDeniedException`.
    AccessDenied,
    /// 400 `ServiceQuotaExceededException`.
    ServiceQuotaExceeded,
    /// 400 `ValidationException`, which repeats [`QUOTED`].
    Validation,
    /// The connection closes before any answer.
    Disconnect,
    /// The connection closes in the middle of the answer, without its proper end.
    Cut,
    /// A stream goes on for `after_events`, then is silent until the client gives up.
    Stall,
    /// A `throttlingException` frame in mid-stream.
    StreamThrottling,
    /// An `internalServerException` frame in mid-stream.
    StreamInternalServer,
    /// A `modelStreamErrorException` frame in mid-stream.
    StreamModelError,
    /// A `serviceUnavailableException` frame in mid-stream.
    StreamServiceUnavailable,
    /// A `validationException` frame in mid-stream, which repeats [`QUOTED`].
    StreamValidation,
    /// Later first byte than others, by the rule's `latency_ms`.
    Slow,
}

impl FaultKind {
    /// The exception answered instead of an answer.
    pub(crate) fn refusal(self) -> Option<(Exception, &'static str)> {
        Some(match self {
            Self::Throttling => {
                (Exception::Throttling, "Too many requests, please wait before trying again.")
            }
            Self::ModelNotReady => (
                Exception::ModelNotReady,
                "Model is not ready for inference. Wait and try your request again.",
            ),
            Self::InternalServer => (
                Exception::InternalServer,
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
            Self::ServiceUnavailable => {
                (Exception::ServiceUnavailable, "Bedrock is unable to process your request.")
            }
            Self::ModelTimeout => (
                Exception::ModelTimeout,
                "Model has timed out in processing the request. Try your request again.",
            ),
            Self::ModelError => (
                Exception::ModelError,
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
            Self::AccessDenied => {
                (Exception::AccessDenied, "You don't have access to the model with the specified model ID.")
            }
            Self::ServiceQuotaExceeded => {
                (Exception::ServiceQuotaExceeded, "Your request exceeds the service quota for your account.")
            }
            Self::Validation => (
                Exception::Validation,
                "1 validation error detected: Value 'what-a-client-wrote-and-bedrock-repeats' at 'inferenceConfig' failed to \
                 satisfy constraint: Member must not be this",
            ),
            _ => return None,
        })
    }

    /// The exception sent as a frame in mid-stream.
    pub(crate) fn in_stream(self) -> Option<(Exception, &'static str)> {
        Some(match self {
            Self::StreamThrottling => {
                (Exception::Throttling, "Too many tokens, please wait before trying again.")
            }
            Self::StreamInternalServer => (
                Exception::InternalServer,
                "The system encountered an unexpected error during processing. Try your request again.",
            ),
            Self::StreamModelError => {
                (Exception::ModelStreamError, "The model stream failed. Try your request again.")
            }
            Self::StreamServiceUnavailable => {
                (Exception::ServiceUnavailable, "Bedrock is unable to process your request.")
            }
            Self::StreamValidation => (
                Exception::Validation,
                "The model produced an answer to 'what-a-client-wrote-and-bedrock-repeats' that cannot be sent.",
            ),
            _ => return None,
        })
    }

    fn only_streams(self) -> bool {
        self.in_stream().is_some() || self == Self::Stall
    }
}

/// A fault that strikes the request at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) after_events: usize,
    pub(crate) latency_ms: u64,
}

impl Fault {
    /// The directive's form: `throttling`, or `cut after 3`, or `slow 250`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let name = words.next()?;
        let kind = serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()?;
        let mut fault = Self { kind, after_events: 0, latency_ms: 0 };
        match (words.next(), words.next()) {
            (None, None) => {}
            (Some("after"), Some(events)) => fault.after_events = events.parse().ok()?,
            (Some(ms), None) if kind == FaultKind::Slow => fault.latency_ms = ms.parse().ok()?,
            _ => return None,
        }
        Some(fault)
    }
}

/// How an answer is paced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pace {
    pub(crate) first_byte: Duration,
    pub(crate) per_token: Duration,
}

impl Pace {
    pub(crate) fn new(latency_ms: u64, tokens_per_second: f64) -> Self {
        let per_token = if tokens_per_second > 0.0 && tokens_per_second.is_finite() {
            Duration::from_secs_f64((1.0 / tokens_per_second).min(60.0))
        } else {
            Duration::ZERO
        };
        // Ten minutes is the longest a first byte is held back, so that a typing error cannot hang a client for ever.
        Self { first_byte: Duration::from_millis(latency_ms.min(600_000)), per_token }
    }
}

/// The faults in force, and how far each rule has come.
#[derive(Debug, Default)]
pub(crate) struct FaultState {
    /// False is the common case, and costs one load.
    active: AtomicBool,
    current: RwLock<Arc<Armed>>,
}

#[derive(Debug, Default)]
struct Armed {
    faults: Faults,
    rules: Vec<RuleState>,
}

#[derive(Debug)]
struct RuleState {
    left: AtomicU64,
    seen: AtomicU64,
}

impl FaultState {
    pub(crate) fn new(faults: Faults) -> Self {
        let state = Self::default();
        state.set(faults);
        state
    }

    /// Replaces all faults and starts their counts anew.
    pub(crate) fn set(&self, faults: Faults) {
        let rules = faults.rules.iter();
        let rules =
            rules.map(|it| RuleState { left: AtomicU64::new(it.next), seen: AtomicU64::new(0) }).collect();
        let active = faults != Faults { seed: faults.seed, ..Faults::default() };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Armed { faults, rules });
        self.active.store(active, Ordering::Release);
    }

    /// What is set, with `next` counted down.
    pub(crate) fn get(&self) -> Faults {
        let armed = self.armed();
        let mut faults = armed.faults.clone();
        for (rule, state) in faults.rules.iter_mut().zip(&armed.rules) {
            rule.next = state.left.load(Ordering::Relaxed);
        }
        faults
    }

    fn armed(&self) -> Arc<Armed> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The pace and, if one strikes, the fault of a request.
    pub(crate) fn decide(&self, model: &str, streaming: bool) -> (Pace, Option<Fault>) {
        if !self.active.load(Ordering::Acquire) {
            return (Pace::default(), None);
        }
        let armed = self.armed();
        let pace = Pace::new(armed.faults.latency_ms, armed.faults.tokens_per_second);
        let hit = armed.faults.rules.iter().zip(&armed.rules).enumerate().find(|(at, (rule, state))| {
            let applies = rule.model.as_ref().is_none_or(|it| model.contains(it.as_str()));
            applies
                && (streaming || !rule.fault.only_streams())
                && state.strikes(rule, armed.faults.seed, *at)
        });
        let fault = hit.map(|(_, (rule, _))| Fault {
            kind: rule.fault,
            after_events: rule.after_events,
            latency_ms: rule.latency_ms,
        });
        (pace, fault)
    }
}

impl RuleState {
    fn strikes(&self, rule: &FaultRule, seed: u64, at: usize) -> bool {
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| it.checked_sub(1)).is_ok() {
            return true;
        }
        if rule.share <= 0.0 {
            return false;
        }
        let turn = self.seen.fetch_add(1, Ordering::Relaxed);
        let draw = hash::mix(hash::mix(seed ^ (at as u64) << 48).wrapping_add(turn));
        // 53 bits, as many as a double holds exactly.
        ((draw >> 11) as f64 / (1_u64 << 53) as f64) < rule.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rules: Vec<FaultRule>) -> FaultState {
        FaultState::new(Faults { seed: 3, rules, ..Faults::default() })
    }

    #[test]
    fn next_strikes_so_many_then_never() {
        let state = state(vec![FaultRule::next(FaultKind::Throttling, 2)]);
        let hits: Vec<_> = (0..4).map(|_| state.decide("m", false).1.is_some()).collect();
        assert_eq!(hits, [true, true, false, false]);
        assert_eq!(state.get().rules[0].next, 0);
    }

    #[test]
    fn a_share_is_kept_and_repeats() {
        let run = || {
            let state = state(vec![FaultRule::share(FaultKind::InternalServer, 0.25)]);
            (0..4000).map(|_| state.decide("m", false).1.is_some()).collect::<Vec<_>>()
        };
        let hits = run().iter().filter(|it| **it).count();
        assert!((900..1100).contains(&hits), "{hits}");
        assert_eq!(run(), run());
    }

    #[test]
    fn stream_faults_leave_other_calls_alone_and_models_are_told_apart() {
        let mut rule = FaultRule::next(FaultKind::StreamThrottling, 1).after_events(3);
        rule.model = Some("nova".into());
        let state = state(vec![rule]);
        assert_eq!(state.decide("amazon.nova-lite-v1:0", false).1, None);
        assert_eq!(state.decide("claude", true).1, None);
        assert_eq!(state.decide("amazon.nova-lite-v1:0", true).1.unwrap().after_events, 3);
    }

    #[test]
    fn what_is_refused_is_repeated() {
        assert!(FaultKind::Validation.refusal().unwrap().1.contains(QUOTED));
        assert!(FaultKind::StreamValidation.in_stream().unwrap().1.contains(QUOTED));
    }

    #[test]
    fn the_json_form_reads() {
        let json = r#"{"latencyMs":5,"tokensPerSecond":20,"rules":[{"fault":"cut","share":0.1,"afterEvents":2},{"fault":"throttling","next":3}]}"#;
        let faults: Faults = serde_json::from_str(json).unwrap();
        assert_eq!(faults.rules.len(), 2);
        assert!(serde_json::from_str::<Faults>(r#"{"latency":5}"#).is_err());
        assert_eq!(Fault::parse("cut after 3").unwrap().after_events, 3);
        assert_eq!(Fault::parse("slow 250").unwrap().latency_ms, 250);
        assert_eq!(Fault::parse("cut later"), None);
    }
}
