//! What happened between one reading of totals and the next.

use std::collections::HashMap;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics, SumDataPoint,
};
use outcrop_telemetry::metric::Instrument;
use outcrop_telemetry::names::INSTRUMENTS;

use super::amount::{Amount, Spread};

/// The last totals of all series. Series are bounded where they are kept, and so is this.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    totals: HashMap<Series, Total>,
}

type Series = (&'static str, Vec<KeyValue>);

/// An interval that is over.
#[derive(Debug)]
pub(super) struct Interval {
    /// When it ended; `None` if nothing is kept at all.
    pub(super) ended: Option<SystemTime>,
    /// What happened in it, by series; those in which nothing did are not there.
    pub(super) changes: Vec<Change>,
}

/// What happened in one series.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) row: &'static Instrument,
    pub(super) labels: Vec<KeyValue>,
    pub(super) amount: Amount,
}

#[derive(Debug, Default, Clone)]
struct Total {
    sum: f64,
    counts: Vec<u64>,
    min: Option<f64>,
    max: Option<f64>,
}

impl Intervals {
    /// What happened since it was called before, or since the start.
    pub(super) fn next(&mut self, metrics: &ResourceMetrics) -> Interval {
        let mut interval = Interval { ended: None, changes: Vec::new() };
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let row = INSTRUMENTS.iter().find(|row| row.spec.name == metric.name());
            if let Some(row) = row.filter(|row| row.spec.emf.is_some()) {
                self.read(metric, row, &mut interval);
            }
        }
        interval
    }

    fn read(&mut self, metric: &Metric, row: &'static Instrument, interval: &mut Interval) {
        // All instruments of the table are of this type.
        let AggregatedMetrics::F64(data) = metric.data() else { return };
        let mut add = |labels: Vec<KeyValue>, amount: Option<Amount>| {
            interval.changes.extend(amount.map(|amount| Change { row, labels, amount }));
        };
        match data {
            MetricData::Sum(sum) => {
                interval.ended = Some(sum.time());
                for point in sum.data_points() {
                    let amount = self.sum(row, point, sum.is_monotonic());
                    add(point.attributes().cloned().collect(), amount);
                }
            }
            MetricData::Gauge(gauge) => {
                interval.ended = Some(gauge.time());
                let amount =
                    if row.spec.emf.is_some_and(|emf| emf.least) { Amount::Least } else { Amount::Most };
                for point in gauge.data_points() {
                    add(point.attributes().cloned().collect(), Some(amount(point.value())));
                }
            }
            MetricData::Histogram(histogram) => {
                interval.ended = Some(histogram.time());
                for point in histogram.data_points() {
                    let amount = self.spread(row, point);
                    add(point.attributes().cloned().collect(), amount);
                }
            }
            MetricData::ExponentialHistogram(_) => {}
        }
    }

    fn sum(&mut self, row: &'static Instrument, point: &SumDataPoint<f64>, grows: bool) -> Option<Amount> {
        if !grows {
            return Some(Amount::Sum(point.value()));
        }
        let series = (row.spec.name, point.attributes().cloned().collect());
        let before = self.totals.entry(series).or_default();
        let change = point.value() - std::mem::replace(&mut before.sum, point.value());
        (change > 0.0).then_some(Amount::Sum(change))
    }

    fn spread(&mut self, row: &'static Instrument, point: &HistogramDataPoint<f64>) -> Option<Amount> {
        let now = Total {
            sum: point.sum(),
            counts: point.bucket_counts().collect(),
            min: point.min(),
            max: point.max(),
        };
        let series = (row.spec.name, point.attributes().cloned().collect());
        let before = std::mem::replace(self.totals.entry(series).or_default(), now.clone());
        let was = before.counts.iter().copied().chain(std::iter::repeat(0));
        let counts: Vec<_> = now.counts.iter().zip(was).map(|(now, was)| now.saturating_sub(was)).collect();
        let first = counts.iter().position(|count| *count > 0)?;
        let last = counts.iter().rposition(|count| *count > 0)?;
        let (min, max) = extremes(&before, &now, row.bounds, (first, last))?;
        let sum = now.sum - before.sum;
        Some(Amount::Spread(Spread { bounds: row.bounds, counts, sum, min, max }))
    }
}

/// The least and the most of an interval: exact where they are the least and the most ever, else the outer edges of the first
/// and the last bucket that values fell into.
fn extremes(
    before: &Total,
    now: &Total,
    bounds: &[f64],
    (first, last): (usize, usize),
) -> Option<(f64, f64)> {
    let (least, most) = (now.min?, now.max?);
    let min = if before.min == now.min {
        first.checked_sub(1).and_then(|below| bounds.get(below)).map_or(least, |edge| edge.max(least))
    } else {
        least
    };
    let max = if before.max == now.max { bounds.get(last).map_or(most, |edge| edge.min(most)) } else { most };
    Some((min, max))
}
