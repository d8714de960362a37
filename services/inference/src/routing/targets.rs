//! All targets that calls went to or may go to, and what is known of each; kept across reloads of routes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use outcrop_ports::{Clock, Place};
use serde::Serialize;

use super::TargetState;
use super::state::TargetOptions;

/// Most targets that something is known of: a client may name many ARNs.
const MOST_TARGETS: usize = 2_048;

/// What nobody wanted for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

type ByPlace = HashMap<Place, HashMap<String, Arc<TargetState>>>;

/// All targets of this process.
pub(crate) struct Targets {
    clock: Arc<dyn Clock>,
    options: TargetOptions,
    states: RwLock<ByPlace>,
    most: usize,
}

/// How a target stands, as the admin API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TargetView {
    /// The text by which every process knows it.
    pub(crate) target: String,
    /// The id that is sent to Bedrock.
    pub(crate) model: String,
    /// The region that is called.
    pub(crate) region: String,
    /// Whose account it is, by the name in the settings; absent, our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// Whether calls go to it.
    pub(crate) state: BreakerState,
    /// How long it is still left alone, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resting_ms: Option<u64>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// How many times in a row it was left alone.
    pub(crate) openings: u32,
    /// Calls under way, from this process.
    pub(crate) in_flight: u32,
    /// How soon it began to answer lately, milliseconds on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<u64>,
    /// How often it may be tried again before that is too much.
    pub(crate) retries_left: u32,
}

/// Whether calls go to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    /// They do.
    Closed,
    /// It asked for a pause.
    Paused,
    /// It keeps failing and is left alone.
    Open,
    /// One call is to show whether it answers again.
    HalfOpen,
}

impl Targets {
    pub(crate) fn new(clock: Arc<dyn Clock>, options: TargetOptions) -> Self {
        Self { clock, options, states: RwLock::default(), most: MOST_TARGETS }
    }

    /// What is known of a target. Where too many are known, and none can be forgotten, nothing is remembered of it.
    pub(super) fn state(&self, place: &Place, bedrock_id: &str) -> Arc<TargetState> {
        let known = |states: &ByPlace| states.get(place)?.get(bedrock_id).cloned();
        if let Some(state) = known(&self.states.read().unwrap_or_else(PoisonError::into_inner)) {
            return state;
        }
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = known(&states) {
            return state;
        }
        let state = Arc::new(TargetState::new(place, bedrock_id, Arc::clone(&self.clock), self.options));
        if count(&states) < self.most || forget_one(&mut states) {
            let there = states.entry(place.clone()).or_default();
            there.insert(bedrock_id.to_owned(), Arc::clone(&state));
        }
        state
    }

    /// How long a probe may take.
    pub(super) const fn probe_time(&self) -> Duration {
        self.options.breaker.probe
    }

    /// Every target, in no order.
    pub(super) fn all(&self) -> Vec<Arc<TargetState>> {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        states.values().flat_map(HashMap::values).cloned().collect()
    }

    /// Forgets what nobody wanted for long.
    pub(super) fn sweep(&self) {
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        for there in states.values_mut() {
            there.retain(|_, state| state.idle().is_none_or(|idle| idle < FORGOTTEN_AFTER));
        }
        states.retain(|_, there| !there.is_empty());
    }

    /// How all of them stand, by name.
    pub(crate) fn views(&self) -> Vec<TargetView> {
        let mut views: Vec<TargetView> = self.all().iter().map(|it| view(it)).collect();
        views.sort_by(|a, b| a.target.cmp(&b.target));
        views
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Targets").field("options", &self.options).finish_non_exhaustive()
    }
}

fn count(states: &ByPlace) -> usize {
    states.values().map(HashMap::len).sum()
}

/// Makes room by forgetting the one that nobody wanted for longest.
fn forget_one(states: &mut ByPlace) -> bool {
    let all = states.values().flat_map(HashMap::values);
    let Some((_, oldest)) = all.filter_map(|it| Some((it.idle()?, Arc::clone(it)))).max_by_key(|it| it.0)
    else {
        return false;
    };
    states.get_mut(oldest.place()).is_some_and(|there| there.remove(oldest.bedrock_id()).is_some())
}

fn view(state: &TargetState) -> TargetView {
    let known = state.view();
    let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
    let breaker = match known.breaker.left {
        None => BreakerState::Closed,
        Some(_) if known.breaker.is_pause => BreakerState::Paused,
        Some(Duration::ZERO) => BreakerState::HalfOpen,
        Some(_) => BreakerState::Open,
    };
    TargetView {
        target: state.name().to_owned(),
        model: state.bedrock_id().to_owned(),
        region: state.place().region.to_string(),
        account: state.place().account.as_ref().map(ToString::to_string),
        state: breaker,
        resting_ms: known.breaker.left.map(millis),
        failures: known.breaker.failures,
        openings: known.breaker.times,
        in_flight: known.in_flight,
        latency_ms: known.latency.map(millis),
        retries_left: known.retries,
    }
}
