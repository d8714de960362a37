//! Metrics by OTLP: totals since the start, so that what a collector missed is in what it gets next.

use futures::executor::block_on;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    Compression, MetricExporter, Protocol, RetryPolicy, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter as _;
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use outcrop_telemetry::names;

use super::Reader;
use crate::{ExporterError, Otlp};

/// A collector that is told the totals.
pub(crate) struct Collector {
    reader: Reader,
    exporter: MetricExporter,
    /// Kept, as its vectors are used again.
    metrics: ResourceMetrics,
    failing: bool,
}

impl Collector {
    pub(crate) fn new(otlp: &Otlp, reader: Reader) -> Result<Self, ExporterError> {
        let builder = MetricExporter::builder().with_http();
        let builder = if otlp.gzip { builder.with_compression(Compression::Gzip) } else { builder };
        let exporter = builder
            .with_endpoint(format!("{}/v1/metrics", otlp.endpoint.trim_end_matches('/')))
            .with_timeout(otlp.timeout)
            .with_protocol(Protocol::HttpBinary)
            .with_headers(otlp.headers.iter().cloned().collect())
            // The next interval is the second try.
            .with_retry_policy(RetryPolicy::disabled())
            .with_temporality(Temporality::Cumulative)
            .build()
            .map_err(|source| ExporterError::Otlp { source })?;
        Ok(Self { reader, exporter, metrics: ResourceMetrics::default(), failing: false })
    }

    /// Tells it. Blocks for the time-out at most.
    pub(crate) fn send(&mut self) {
        let sent = self.reader.collect(&mut self.metrics);
        let sent = sent.and_then(|()| block_on(self.exporter.export(&self.metrics)));
        self.note(&sent);
    }

    #[cfg(test)]
    pub(super) const fn failing(&self) -> bool {
        self.failing
    }

    /// One line when it begins to fail and one when it is over; the rest is counted.
    fn note(&mut self, sent: &OTelSdkResult) {
        match sent {
            Ok(()) if self.failing => tracing::info!("metrics reach the collector again"),
            Err(error) if !self.failing => {
                tracing::warn!(%error, "metrics do not reach the collector; they will when it is back");
            }
            _ => {}
        }
        self.failing = sent.is_err();
        if self.failing {
            names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "metrics")]);
        }
    }
}
