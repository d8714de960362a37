//! How many series an instrument may have.
//!
//! Labels are bounded where they are given: teams and models by `Top`, routes by their patterns, the rest by closed lists. The
//! limits here are the second net, for mistakes: what comes after is added up in one series more, so sums stay right and
//! memory stays bounded. Teams and models together could be very many, so an instrument with both has [`PAIR_SERIES`] at most,
//! any other [`COUNTER_SERIES`], and a histogram, whose series are larger, [`HISTOGRAM_SERIES`].
//!
//! A large platform can get there: `outcrop.tokens` has up to five series for each team and model that were used together, so
//! it is full at 1 600 such pairs, and names that change hands leave their series behind. Whoever comes then has no labels at
//! all, neither team nor kind, and each of their measurements looks for its series under the lock that all share. How many
//! instruments are in that state is counted in `outcrop.telemetry.full`; the remedy is fewer names, by `metrics.top_teams` and
//! `metrics.top_models`.
//!
//! The test below computes the worst case of the tables themselves, every instrument full of long labels. It comes again for
//! each that reads: the collector's and CloudWatch's last reading, CloudWatch's last totals, and the text of a page while it
//! is made. What is set aside before the first series comes is 33 bytes for each that is possible, which the system does not
//! back with memory before it is used.

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use opentelemetry_sdk::metrics::{Instrument, Stream};
use outcrop_telemetry::metric;
use outcrop_telemetry::names::{self, INSTRUMENTS};

use super::Reader;

/// Most series of a counter by team and model.
pub(super) const PAIR_SERIES: usize = 8_000;
/// Most series of any other counter or gauge with several labels.
pub(super) const COUNTER_SERIES: usize = 4_000;
/// Most series of a histogram with several labels.
pub(super) const HISTOGRAM_SERIES: usize = 1_500;
/// Values of a label with a closed list, at most.
const CLOSED: usize = 64;
/// Teams, models and routes, at most: four times the names that the settings allow at a time, as they change hands.
const OPEN: usize = 1_000;

/// The limit as the SDK wants it.
pub(super) fn view(instrument: &Instrument) -> Option<Stream> {
    let row = INSTRUMENTS.iter().find(|row| row.spec.name == instrument.name())?;
    Stream::builder().with_cardinality_limit(limit(row)).build().ok()
}

/// Most series of an instrument.
pub(super) fn limit(row: &metric::Instrument) -> usize {
    let has = |label| row.spec.labels.contains(&label);
    let most = match row.kind {
        metric::Kind::Histogram => HISTOGRAM_SERIES,
        _ if has(names::TEAM) && has(names::GEN_AI_REQUEST_MODEL) => PAIR_SERIES,
        _ => COUNTER_SERIES,
    };
    let values = |label: &&str| match *label {
        names::TEAM | names::GEN_AI_REQUEST_MODEL | names::ROUTE => OPEN,
        _ => CLOSED,
    };
    row.spec.labels.iter().map(values).fold(1_usize, usize::saturating_mul).min(most)
}

/// The label of the series that takes what has no room, as the SDK has it.
const OVERFLOW: &str = "otel.metric.overflow";

/// Looks for instruments that have no room for another series.
pub(super) struct Room {
    reader: Reader,
    /// Kept, as its vectors are used again.
    metrics: ResourceMetrics,
}

impl Room {
    pub(super) fn of(reader: Reader) -> Self {
        Self { reader, metrics: ResourceMetrics::default() }
    }

    /// How many are full.
    pub(super) fn full(&mut self) -> usize {
        if self.reader.collect(&mut self.metrics).is_err() {
            return 0;
        }
        self.metrics.scope_metrics().flat_map(|scope| scope.metrics()).filter(|it| is_full(it)).count()
    }
}

fn is_full(metric: &Metric) -> bool {
    fn over<'a>(mut labels: impl Iterator<Item = &'a KeyValue>) -> bool {
        labels.any(|it| it.key.as_str() == OVERFLOW)
    }
    // All instruments of the table are of this type.
    let AggregatedMetrics::F64(data) = metric.data() else { return false };
    match data {
        MetricData::Sum(sum) => sum.data_points().any(|point| over(point.attributes())),
        MetricData::Gauge(gauge) => gauge.data_points().any(|point| over(point.attributes())),
        MetricData::Histogram(it) => it.data_points().any(|point| over(point.attributes())),
        MetricData::ExponentialHistogram(_) => false,
    }
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
    fn the_worst_case_of_the_tables_is_bounded() {
        let bytes: usize = INSTRUMENTS.iter().map(|row| limit(row) * size(row)).sum();
        assert!(bytes < 80 * 1024 * 1024, "{} MiB", bytes / 1024 / 1024);
    }

    #[test]
    fn what_has_no_labels_has_one_series() {
        for row in INSTRUMENTS.iter().filter(|row| row.spec.labels.is_empty()) {
            assert_eq!(limit(row), 1, "{}", row.spec.name);
        }
    }
}
