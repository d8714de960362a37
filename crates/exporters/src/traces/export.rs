//! The exporter, watched: what became of each batch is counted here and not read out of the SDK's log.

use std::sync::Arc;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::gate::Gate;
use super::otlp::Collector;
use super::weight;

/// An exporter whose results are known to the gate.
#[derive(Debug)]
pub(super) struct Watched {
    collector: Collector,
    gate: Arc<Gate>,
    resource: Resource,
}

impl Watched {
    pub(super) fn new(collector: Collector, gate: Arc<Gate>) -> Self {
        Self { collector, gate, resource: Resource::builder_empty().build() }
    }
}

impl SpanExporter for Watched {
    /// Blocks: the SDK has a thread for it.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (spans, bytes) = (batch.len(), batch.iter().map(weight::of).sum());
        match self.collector.send(&self.resource, &batch) {
            Ok(refused) => self.gate.taken(spans, bytes, refused),
            Err(error) => {
                self.gate.failed(spans, bytes, &error);
                return Err(error);
            }
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}
