//! What was recorded in this process, for tests: spans and metrics, as an exporter would get them.
//!
//! One recorder serves a whole test binary. Tests run side by side in it: look for spans by a trace of your own, and for
//! metrics by labels of your own or by how much they grew.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use opentelemetry::global;
use opentelemetry::trace::TraceId;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

use crate::metric::KeyValue;
use crate::trace::Ended;
use crate::{metric, trace};

mod seen;

pub use self::seen::{SeenSpan, decoded};

static RECORDER: LazyLock<Recorder> = LazyLock::new(Recorder::install);

/// Records everything in this test binary from the first call on.
pub fn recorder() -> &'static Recorder {
    &RECORDER
}

/// What was recorded.
#[derive(Debug)]
pub struct Recorder {
    spans: Spans,
    /// One reader at a time.
    metrics: Mutex<InMemoryMetricExporter>,
    meters: SdkMeterProvider,
}

impl Recorder {
    fn install() -> Self {
        let spans = Spans::default();
        trace::install(Box::new(spans.clone()));
        let metrics = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(metrics.clone()).build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        global::set_meter_provider(meters.clone());
        metric::go();
        Self { spans, metrics: Mutex::new(metrics), meters }
    }

    /// The spans of a trace that have ended, by when they began.
    #[must_use]
    pub fn trace(&self, trace_id: &str) -> Vec<SeenSpan> {
        let all = self.spans.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = all.iter().filter(|span| span.trace_id == trace_id).cloned().collect();
        drop(all);
        found.sort_by_key(|span| span.began);
        found
    }

    /// The same, once there are so many of them. Spans end when an answer has left, which its reader may know before.
    pub async fn trace_of(&self, trace_id: &str, count: usize) -> Vec<SeenSpan> {
        for _ in 0..500 {
            let found = self.trace(trace_id);
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        self.trace(trace_id)
    }

    /// What an instrument came to so far, over all rows with these labels: the sum of a counter, the last value of a gauge,
    /// how often a histogram was recorded to.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let exported = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        exported.reset();
        let flushed = self.meters.force_flush();
        let batches = exported.get_finished_metrics().unwrap_or_default();
        let Some(last) = batches.last().filter(|_| flushed.is_ok()) else { return 0.0 };
        let metrics = last.scope_metrics().flat_map(|scope| scope.metrics());
        metrics.filter(|metric| metric.name() == name).map(|metric| total(metric, labels)).sum()
    }
}

/// Whatever clients say of their traces, tests look at all of them.
#[derive(Debug, Clone, Default)]
struct Spans(Arc<Mutex<Vec<SeenSpan>>>);

impl trace::Recorder for Spans {
    fn begin(&self, _: TraceId, _: Option<bool>) -> Option<bool> {
        Some(true)
    }

    fn end(&self, span: Ended<'_>) {
        let seen = SeenSpan::from(decoded(&span.bytes));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

fn total(metric: &Metric, labels: &[(&str, &str)]) -> f64 {
    fn fit<'a>(mut given: impl Iterator<Item = &'a KeyValue>, wanted: (&str, &str)) -> bool {
        given.any(|it| (it.key.as_str(), it.value.to_string().as_str()) == wanted)
    }
    let AggregatedMetrics::F64(data) = metric.data() else { return 0.0 };
    match data {
        MetricData::Sum(sum) => sum
            .data_points()
            .filter(|point| labels.iter().all(|it| fit(point.attributes(), *it)))
            .map(|point| point.value())
            .sum(),
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .filter(|point| labels.iter().all(|it| fit(point.attributes(), *it)))
            .map(|point| point.value())
            .sum(),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .filter(|point| labels.iter().all(|it| fit(point.attributes(), *it)))
            .map(|point| point.count() as f64)
            .sum(),
        MetricData::ExponentialHistogram(_) => 0.0,
    }
}
