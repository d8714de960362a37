//! What was recorded in this process, for tests: spans and metrics, as an exporter would get them.
//!
//! One recorder serves a whole test binary. Tests run side by side in it: look for spans by a trace of your own, and for
//! metrics by labels of your own or by how much they grew.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};

use crate::metric::KeyValue;
use crate::{metric, trace};

static RECORDER: LazyLock<Recorder> = LazyLock::new(Recorder::install);

/// Records everything in this test binary from the first call on.
pub fn recorder() -> &'static Recorder {
    &RECORDER
}

/// What was recorded.
#[derive(Debug)]
pub struct Recorder {
    spans: InMemorySpanExporter,
    /// One reader at a time.
    metrics: Mutex<InMemoryMetricExporter>,
    meters: SdkMeterProvider,
}

/// A span that has ended.
#[derive(Debug, Clone)]
pub struct SeenSpan {
    /// What it is called.
    pub name: String,
    /// On which side of a call it is.
    pub kind: SpanKind,
    /// In hex.
    pub trace_id: String,
    /// In hex.
    pub span_id: String,
    /// In hex; zeros for a root.
    pub parent_id: String,
    /// As text, by name.
    pub attributes: BTreeMap<String, String>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// How many others it is linked to.
    pub links: usize,
}

impl SeenSpan {
    /// What it says of `name`; empty if nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

impl Recorder {
    fn install() -> Self {
        let spans = InMemorySpanExporter::default();
        // Whatever clients say of their traces, tests look at all of them.
        let tracers = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_simple_exporter(spans.clone())
            .build();
        trace::install(BoxedTracer::new(Box::new(tracers.tracer("outcrop"))));
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
        let all = self.spans.get_finished_spans().unwrap_or_default();
        let mut found: Vec<_> =
            all.into_iter().map(SeenSpan::from).filter(|span| span.trace_id == trace_id).collect();
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

impl From<SpanData> for SeenSpan {
    fn from(span: SpanData) -> Self {
        Self {
            name: span.name.into_owned(),
            kind: span.span_kind,
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_id: span.parent_span_id.to_string(),
            attributes: span.attributes.iter().map(|it| (it.key.to_string(), it.value.to_string())).collect(),
            failed: match span.status {
                Status::Error { description } => Some(description.into_owned()),
                _ => None,
            },
            began: span.start_time,
            ended: span.end_time,
            links: span.links.len(),
        }
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
