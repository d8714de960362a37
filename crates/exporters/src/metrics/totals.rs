//! Metrics by OTLP: totals since the start, so that what a collector missed is in what it gets next.

use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use outcrop_telemetry::names;
use prost::Message as _;

use super::Reader;
use crate::collector::{Collector, SendError};
use crate::{ExporterError, Otlp};

/// Why not all of the totals are there. The next interval is the second try.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error("they cannot be read")]
    Read(#[source] opentelemetry_sdk::error::OTelSdkError),
    #[error("they did not arrive")]
    Send(#[source] SendError),
    #[error("the collector refused {0} of them")]
    Refused(i64),
}

/// Tells a collector the totals.
pub(crate) struct Totals {
    reader: Reader,
    collector: Collector,
    /// Kept, as its vectors are used again.
    metrics: ResourceMetrics,
    failing: bool,
}

impl Totals {
    pub(crate) fn new(otlp: &Otlp, reader: Reader) -> Result<Self, ExporterError> {
        let collector = Collector::new(otlp, "metrics")?;
        Ok(Self { reader, collector, metrics: ResourceMetrics::default(), failing: false })
    }

    /// Tells it. Blocks for the time-out at most.
    pub(crate) fn send(&mut self) {
        let told = self.tell();
        self.note(&told);
    }

    fn tell(&mut self) -> Result<(), Untold> {
        self.reader.collect(&mut self.metrics).map_err(Untold::Read)?;
        let body = ExportMetricsServiceRequest::from(&self.metrics).encode_to_vec();
        let said: ExportMetricsServiceResponse = self.collector.send(body).map_err(Untold::Send)?;
        match said.partial_success.map_or(0, |it| it.rejected_data_points) {
            refused @ 1.. => Err(Untold::Refused(refused)),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) const fn failing(&self) -> bool {
        self.failing
    }

    /// One line when it begins to fail and one when it is over; the rest is counted.
    fn note(&mut self, told: &Result<(), Untold>) {
        match told {
            Ok(()) if self.failing => tracing::info!("metrics reach the collector again"),
            Err(error) if !self.failing => {
                let error = error as &(dyn std::error::Error + 'static);
                tracing::warn!(error, "metrics do not reach the collector; they will when it is back");
            }
            _ => {}
        }
        self.failing = told.is_err();
        if self.failing {
            names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "metrics")]);
        }
    }
}
