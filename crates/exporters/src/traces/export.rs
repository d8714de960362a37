//! The exporter, watched: what became of each batch is counted here and not read out of the SDK's log.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::gate::Gate;
use super::weight;

/// An exporter whose results are known to the gate.
#[derive(Debug)]
pub(super) struct Watched<E> {
    inner: E,
    gate: Arc<Gate>,
}

impl<E> Watched<E> {
    pub(super) const fn new(inner: E, gate: Arc<Gate>) -> Self {
        Self { inner, gate }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (spans, bytes) = (batch.len(), batch.iter().map(weight::of).sum());
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => self.gate.taken(spans, bytes),
            Err(error) => self.gate.failed(spans, bytes, error),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
