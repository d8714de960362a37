//! How much of budgets is used, as a gauge.

use std::collections::BTreeMap;
use std::sync::Arc;

use outcrop_telemetry::metric::KeyValue;
use outcrop_telemetry::names;
use outcrop_telemetry::top::{OTHER, Top};
use outcrop_types::{Level, TeamId};
use tokio::time::Instant;

use super::budgets::Share;

/// The label of what is no team's: the platform's budgets.
const PLATFORM: &str = "platform";

/// Team, level and window.
type Labels = (Arc<str>, &'static str, &'static str);

/// What was told last, so that what is gone does not stay as it was.
#[derive(Debug)]
pub(super) struct UseGauge {
    teams: Top<TeamId>,
    told: BTreeMap<Labels, f64>,
}

impl UseGauge {
    /// Has names for so many teams.
    pub(super) fn new(top_teams: usize) -> Self {
        Self { teams: Top::new(top_teams), told: BTreeMap::new() }
    }

    /// Tells of all budgets there are now; of several alike the one in use the most.
    pub(super) fn set(&mut self, shares: Vec<Share>) {
        let now = self.most(shares);
        for (labels, used) in &now {
            tell(labels, *used);
        }
        for gone in self.told.keys().filter(|labels| !now.contains_key(*labels)) {
            tell(gone, 0.0);
        }
        self.told = now;
    }

    fn most(&self, mut shares: Vec<Share>) -> BTreeMap<Labels, f64> {
        // Those in use the most get names first.
        shares.sort_by(|one, other| other.used.total_cmp(&one.used));
        let (mut most, at) = (BTreeMap::new(), Instant::now().into_std());
        for Share { team, level, window, used } in shares {
            let team = match team {
                Some(team) => self.teams.name(&team, at, || team.to_string().into()),
                None if level == Level::Platform => PLATFORM.into(),
                None => OTHER.into(),
            };
            most.entry((team, level.name(), window)).or_insert(used);
        }
        most
    }
}

fn tell((team, level, window): &Labels, used: f64) {
    let labels = [
        KeyValue::new(names::TEAM, Arc::clone(team)),
        KeyValue::new(names::LEVEL, *level),
        KeyValue::new(names::WINDOW, *window),
    ];
    names::BUDGET_USED.set(used, &labels);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn of_several_alike_the_most_counts() {
        let team = |number| Some(TeamId::new(Uuid::from_u128(number)));
        let share = |team, level, used| Share { team, level, window: "month", used };
        let gauge = UseGauge::new(10);
        let most = gauge.most(vec![
            share(team(1), Level::Key, 0.25),
            share(team(1), Level::Key, 1.5),
            share(team(1), Level::Team, 0.5),
            share(None, Level::User, 0.125),
            share(None, Level::Platform, 0.75),
        ]);
        let name = team(1).map(|it| it.to_string()).unwrap_or_default();
        let expected = [
            ((name.as_str().into(), "key", "month"), 1.5),
            ((name.as_str().into(), "team", "month"), 0.5),
            ((OTHER.into(), "user", "month"), 0.125),
            ((PLATFORM.into(), "platform", "month"), 0.75),
        ];
        assert_eq!(most, BTreeMap::from(expected));
    }
}
