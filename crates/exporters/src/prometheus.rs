//! Prometheus' page.

use std::sync::Arc;

use opentelemetry::Key;
use opentelemetry_prometheus::{PrometheusExporter, ResourceSelector};
use outcrop_telemetry::later;
use outcrop_telemetry::metric::Page;
use outcrop_telemetry::naming::PROCESS_LABELS;
use prometheus::{Registry, TextEncoder};

use crate::ExporterError;

/// A reader of metrics, and the page that shows what it reads.
///
/// Every series has the process' name, environment and architecture as labels, so that any query can tell them apart without
/// a join. There is one scope only, which nobody would ask for.
pub(crate) fn page() -> Result<(PrometheusExporter, Page), ExporterError> {
    let registry = Registry::new();
    let labels = PROCESS_LABELS.iter().copied().map(Key::from_static_str).collect();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .with_resource_selector(ResourceSelector::KeyAllowList(labels))
        .scope_info_enabled(false)
        .without_target_info()
        .build()
        .map_err(|source| ExporterError::Reader { source })?;
    Ok((exporter, Arc::new(move || text(&registry))))
}

fn text(registry: &Registry) -> String {
    later::catch_up();
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap_or_else(|error| {
        tracing::error!(%error, "the metrics cannot be written in Prometheus' format");
        String::new()
    })
}
