//! How many targets of each region this process leaves alone, as metrics tell it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use outcrop_telemetry::top::Top;
use outcrop_types::Region;

use super::TargetState;

/// Regions with a label of their own: more than AWS has. A client may name any by an ARN.
const MOST_REGIONS: usize = 64;

/// What was told last.
#[derive(Debug)]
pub(super) struct RestingTargets {
    regions: Top<Region>,
    told: HashMap<Arc<str>, usize>,
}

impl RestingTargets {
    pub(super) fn new() -> Self {
        Self { regions: Top::new(MOST_REGIONS), told: HashMap::new() }
    }

    /// Tells how it is now. A region that nothing is known of any more has none, which is told once.
    pub(super) fn tell(&mut self, states: &[Arc<TargetState>]) {
        if !metric::is_going() {
            return;
        }
        let now = self.count(states);
        for region in self.told.keys().filter(|it| !now.contains_key(*it)) {
            set(region, 0);
        }
        now.iter().for_each(|(region, count)| set(region, *count));
        self.told = now;
    }

    fn count(&self, states: &[Arc<TargetState>]) -> HashMap<Arc<str>, usize> {
        let (mut counts, now) = (HashMap::new(), Instant::now());
        for state in states {
            let region = &state.place().region;
            let name = self.regions.name(region, now, || region.as_str().into());
            *counts.entry(name).or_default() += usize::from(state.resting().is_some());
        }
        counts
    }
}

fn set(region: &Arc<str>, count: usize) {
    names::BREAKERS_OPEN.set(count as f64, &[KeyValue::new(names::REGION, Arc::clone(region))]);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use outcrop_config::RoutingConfig;
    use outcrop_ports::{Clock, Place};
    use outcrop_types::FailureKind;

    use super::*;
    use crate::fixtures::StoppedClock;

    #[test]
    fn targets_that_are_left_alone_are_counted_by_region() {
        let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
        let target = |region: &str, id: &str| {
            let place = Place { account: None, region: region.parse().unwrap() };
            Arc::new(TargetState::new(&place, id, Arc::clone(&clock), (&RoutingConfig::default()).into()))
        };
        let states = [target("us-east-1", "a"), target("us-east-1", "b"), target("eu-west-1", "a")];
        let resting = RestingTargets::new();
        let of = |region: &str| resting.count(&states).get(region).copied();
        assert_eq!((of("us-east-1"), of("eu-west-1"), of("us-west-2")), (Some(0), Some(0), None));
        states[0].begin_anyway().failed(FailureKind::Throttled, Some(Duration::from_secs(5)));
        assert_eq!((of("us-east-1"), of("eu-west-1")), (Some(1), Some(0)));
    }
}
