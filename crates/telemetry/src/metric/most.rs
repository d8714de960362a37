//! How many series an instrument may have: as many are added up apart, and as many handles of them are kept.

use super::{Instrument, Kind, Spec};
use crate::names;

/// Most series of a counter by team and model.
const PAIR_SERIES: usize = 8_000;
/// Most series of any other counter or gauge with several labels.
const COUNTER_SERIES: usize = 4_000;
/// Most series of a histogram with several labels: they are larger.
const HISTOGRAM_SERIES: usize = 1_500;
/// Values of a label with a closed list, at most.
const CLOSED: usize = 64;
/// Teams, models and routes, at most: four times the names that the settings allow at a time, as they change hands.
const OPEN: usize = 1_000;

impl Instrument {
    /// Most series it may have; what comes after is added up in one more.
    #[must_use]
    pub fn most_series(&self) -> usize {
        most(self.spec, self.kind)
    }
}

pub(super) fn most(spec: &Spec, kind: Kind) -> usize {
    let has = |label| spec.labels.contains(&label);
    let most = match kind {
        Kind::Histogram => HISTOGRAM_SERIES,
        _ if has(names::TEAM) && has(names::GEN_AI_REQUEST_MODEL) => PAIR_SERIES,
        _ => COUNTER_SERIES,
    };
    let values = |label: &&str| match *label {
        names::TEAM | names::GEN_AI_REQUEST_MODEL | names::ROUTE => OPEN,
        _ => CLOSED,
    };
    spec.labels.iter().map(values).fold(1_usize, usize::saturating_mul).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_labels_has_one_series() {
        for row in names::INSTRUMENTS.iter().filter(|row| row.spec.labels.is_empty()) {
            assert_eq!(row.most_series(), 1, "{}", row.spec.name);
        }
    }
}
