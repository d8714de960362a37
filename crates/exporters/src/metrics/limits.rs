//! How many series an instrument may have.
//!
//! Labels are bounded where they are given: teams and models by `Top`, routes by their patterns, the rest by closed lists. The
//! limits here are the second net, for mistakes: what comes after is added up in one series more, so sums stay right and
//! memory stays bounded. Teams and models together could be very many, so an instrument has [`COUNTER_SERIES`] at most, and a
//! histogram, whose series are larger, [`HISTOGRAM_SERIES`].
//!
//! The worst case, every instrument of the table full of long labels, is about 60 MiB, of which the test below computes the
//! series: nobody gets near it who does not have fifty teams that each use fifty models. What is set aside before the first
//! series comes is 33 bytes for each that is possible, which the system does not back with memory before it is used.

use opentelemetry_sdk::metrics::{Instrument, Stream};
use outcrop_telemetry::metric;
use outcrop_telemetry::names::{self, INSTRUMENTS};

/// Most series of a counter or gauge with several labels.
pub(super) const COUNTER_SERIES: usize = 4_000;
/// Most series of a histogram with several labels.
pub(super) const HISTOGRAM_SERIES: usize = 1_500;
/// Values of a label with a closed list, at most.
const CLOSED: usize = 64;
/// Teams, models and routes, at most.
const OPEN: usize = 1_000;

/// The limit as the SDK wants it.
pub(super) fn view(instrument: &Instrument) -> Option<Stream> {
    let row = INSTRUMENTS.iter().find(|row| row.spec.name == instrument.name())?;
    Stream::builder().with_cardinality_limit(limit(row)).build().ok()
}

/// Most series of an instrument.
pub(super) fn limit(row: &metric::Instrument) -> usize {
    let most = if row.kind == metric::Kind::Histogram { HISTOGRAM_SERIES } else { COUNTER_SERIES };
    let values = |label: &&str| match *label {
        names::TEAM | names::GEN_AI_REQUEST_MODEL | names::ROUTE => OPEN,
        _ => CLOSED,
    };
    row.spec.labels.iter().map(values).fold(1_usize, usize::saturating_mul).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A series with its labels, which are kept in two orders, and its place in the table of them, bytes.
    fn size(row: &metric::Instrument) -> usize {
        let labels = row.spec.labels.len() * 2 * (size_of::<opentelemetry::KeyValue>() + 40);
        200 + labels + row.bounds.len() * 8
    }

    #[test]
    fn the_worst_case_is_as_the_comment_says() {
        let bytes: usize = INSTRUMENTS.iter().map(|row| limit(row) * size(row)).sum();
        assert!(bytes < 64 * 1024 * 1024, "{} MiB", bytes / 1024 / 1024);
    }

    #[test]
    fn what_has_no_labels_has_one_series() {
        for row in INSTRUMENTS.iter().filter(|row| row.spec.labels.is_empty()) {
            assert_eq!(limit(row), 1, "{}", row.spec.name);
        }
    }
}
