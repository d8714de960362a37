//! What instruments are called where they end up: Prometheus' series and CloudWatch's metrics.

use outcrop_telemetry::metric::{Emf, Instrument};
use outcrop_telemetry::naming;

/// Which of an operator's platforms a series is of.
pub(super) const ENVIRONMENT: &str = "deployment.environment.name";
/// The service a series is of.
pub(super) const SERVICE: &str = "service.name";
/// The process a series is of; Prometheus adds it.
pub(super) const INSTANCE: &str = "instance";
/// What Prometheus was told to ask; it adds it.
pub(super) const JOB: &str = "job";
/// Prometheus' own: whether a process answered when it was asked last.
pub(super) const UP: &str = "up";

/// A label as Prometheus has it.
pub(super) fn label(name: &str) -> String {
    naming::prometheus_label(name)
}

/// How it goes to CloudWatch. What needs that and is not there is a mistake in this program.
pub(super) fn emf(instrument: Instrument) -> anyhow::Result<Emf> {
    let name = instrument.spec.name;
    instrument.spec.emf.ok_or_else(|| anyhow::anyhow!("{name} does not go to CloudWatch"))
}

/// A label as CloudWatch's dimensions have it.
pub(super) fn dimension(label: &str) -> anyhow::Result<&'static str> {
    naming::dimension(label).ok_or_else(|| anyhow::anyhow!("{label} is no dimension"))
}
