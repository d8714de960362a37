//! The targets for one request, and where each may be answered.

use std::sync::Arc;

use outcrop_ports::{Place, ResolvedModel};
use outcrop_types::{Bounds, Reach, RouteOptions, Strategy};

use super::TargetState;

/// A model at a place, as it may be called for one request.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) place: Place,
    /// With the id that suits the place.
    pub(crate) model: ResolvedModel,
    /// What is known of how it fares, shared by all requests.
    pub(crate) state: Arc<TargetState>,
    // Nobody but `within` sets it, so nobody else can make a candidate.
    reach: Reach,
}

/// The targets for one request, best first. Every one of them is within every bound that holds for the request: nothing
/// else makes one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    candidates: Vec<Candidate>,
    /// What the route says, with what holds for all routes in it. Its residency needs no further look: candidates are within it.
    pub(crate) options: Arc<RouteOptions>,
    /// The route's name, if one was written for this.
    pub(crate) route: Option<String>,
    /// How the first group chose.
    pub(crate) strategy: Strategy,
}

impl Candidate {
    /// The one way to a candidate; `None` where a call of it may be answered outside the bounds.
    pub(super) fn within(
        bounds: &Bounds,
        place: &Place,
        model: ResolvedModel,
        state: impl FnOnce(&ResolvedModel) -> Arc<TargetState>,
    ) -> Option<Self> {
        let reach = model.reach(&place.region);
        // Whatever the id says: the region that is called hears the question.
        let called = Reach::Region(place.region.clone());
        (bounds.hold(&reach) && bounds.hold(&called)).then(|| Self {
            place: place.clone(),
            state: state(&model),
            model,
            reach,
        })
    }

    /// Where a call of it may be answered.
    pub(crate) const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether it is the same target as another.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.model.bedrock_id == other.model.bedrock_id
    }
}

impl Plan {
    pub(super) fn new(candidates: Vec<Candidate>, options: Arc<RouteOptions>) -> Self {
        Self { candidates, options, ..Self::default() }
    }

    /// The targets, best first; at least one, but in tests.
    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}

/// What holds for the calls of a route: what it says, else what the defaults say; guardrails of both look on.
pub(super) fn merged(defaults: &Arc<RouteOptions>, own: &RouteOptions) -> Arc<RouteOptions> {
    if own.is_empty() {
        return Arc::clone(defaults);
    }
    let mut all = own.clone();
    if all.residency.is_empty() {
        all.residency = defaults.residency.clone();
    }
    all.attempts = all.attempts.or(defaults.attempts);
    all.first_event_ms = all.first_event_ms.or(defaults.first_event_ms);
    all.attempt_ms = all.attempt_ms.or(defaults.attempt_ms);
    all.affinity = all.affinity.or(defaults.affinity);
    all.prompt_cache = all.prompt_cache.or(defaults.prompt_cache);
    all.cache = all.cache.or_else(|| defaults.cache.clone());
    for (kind, class) in &defaults.retry {
        all.retry.entry(*kind).or_insert(*class);
    }
    for rule in &defaults.guardrails {
        if !all.guardrails.contains(rule) {
            all.guardrails.push(rule.clone());
        }
    }
    Arc::new(all)
}
