//! How many series an instrument may have.
//!
//! Labels are bounded where they are given: teams and models by `Top`, routes by their patterns, the rest by closed lists. The
//! limits of [`Instrument::most_series`](outcrop_telemetry::metric::Instrument::most_series) are the second net, for mistakes:
//! what comes after is added up in one series more, so sums stay right and memory stays bounded.
//!
//! A large platform can get there: `outcrop.tokens` has up to five series for each team and model that were used together, so
//! it is full at 1 600 such pairs, and names that change hands leave their series behind. Whoever comes then has no labels at
//! all, neither team nor kind, and no handle either: those are as many as there may be series, and each measurement without one
//! looks for its series under the lock that all share. How many instruments are in that state is counted in
//! `outcrop.telemetry.full`; the remedy is fewer names, by `metrics.top_teams` and `metrics.top_models`.
//!
//! The test below computes the worst case of the tables themselves and of the handles, every instrument full of long labels.
//! The tables come again for each that reads: the collector's and CloudWatch's last reading, CloudWatch's last totals, and the
//! text of a page while it is made. What is set aside before the first series comes is 33 bytes for each that is possible,
//! which the system does not back with memory before it is used.

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use opentelemetry_sdk::metrics::{Instrument, Stream};
use outcrop_telemetry::names::INSTRUMENTS;

use super::Reader;

/// The limit as the SDK wants it.
pub(super) fn view(instrument: &Instrument) -> Option<Stream> {
    let row = INSTRUMENTS.iter().find(|row| row.spec.name == instrument.name())?;
    Stream::builder().with_cardinality_limit(row.most_series()).build().ok()
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
    use outcrop_telemetry::metric::{self, Kind};

    use super::*;

    /// A series with its labels, which are kept in two orders, and its place in the table of them, bytes.
    fn series(row: &metric::Instrument) -> usize {
        let labels = row.spec.labels.len() * 2 * (size_of::<KeyValue>() + 40);
        200 + labels + row.bounds.len() * 8
    }

    /// The handle of a series, with its labels once more, whose texts are those of the series, its bounds and its place in the
    /// table of handles, bytes.
    fn handle(row: &metric::Instrument) -> usize {
        match row.kind {
            Kind::Counter | Kind::Histogram => {
                150 + row.spec.labels.len() * size_of::<KeyValue>() + row.bounds.len() * 8
            }
            Kind::UpDown | Kind::Gauge => 0,
        }
    }

    #[test]
    fn the_worst_case_of_the_tables_is_bounded() {
        let size = |row: &metric::Instrument| row.most_series() * (series(row) + handle(row));
        let bytes: usize = INSTRUMENTS.iter().map(size).sum();
        assert!(bytes < 80 * 1024 * 1024, "{} MiB", bytes / 1024 / 1024);
    }
}
