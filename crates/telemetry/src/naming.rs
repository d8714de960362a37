//! What instruments are called in backends, which an exporter or a dashboard need not be running to know.
//!
//! Prometheus' names follow from OpenTelemetry's by the rules of
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>: dots become underscores, the unit and,
//! for what only grows, `total` are added. CloudWatch's are in the table.

use crate::metric::{Instrument, Kind};
use crate::names;

/// The dimension that every set in CloudWatch has.
pub const ENVIRONMENT_DIMENSION: &str = "Environment";

/// What labels are called as dimensions in CloudWatch.
pub const DIMENSIONS: &[(&str, &str)] = &[
    (names::ARCH, "Architecture"),
    (names::SERVICE_NAME, "Service"),
    (names::GEN_AI_REQUEST_MODEL, "Model"),
    (names::GEN_AI_TOKEN_TYPE, "TokenType"),
    (names::TEAM, "Team"),
    (names::REGION, "Region"),
    (names::REASON, "Reason"),
    (names::LEVEL, "Level"),
    (names::DEPENDENCY, "Dependency"),
    (names::OUTCOME, "Outcome"),
    (names::SIGNAL, "Signal"),
];

/// Labels that every series on Prometheus' page has besides those of its instrument: of the process itself.
pub const PROCESS_LABELS: &[&str] = &[names::SERVICE_NAME, "deployment.environment.name", names::ARCH];

/// A label as a dimension in CloudWatch; `None` if it cannot be one.
#[must_use]
pub fn dimension(label: &str) -> Option<&'static str> {
    DIMENSIONS.iter().find(|(name, _)| *name == label).map(|(_, dimension)| *dimension)
}

/// A label as Prometheus has it: `http.route` is `http_route`.
#[must_use]
pub fn prometheus_label(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

impl Instrument {
    /// As Prometheus has it: `http_server_request_duration_seconds`, `outcrop_cost_total`.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        let mut name = prometheus_label(self.spec.name);
        if let Some(unit) = prometheus_unit(self.spec.unit) {
            name.push('_');
            name.push_str(unit);
        }
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }

    /// Every name that Prometheus keeps series of it under: a histogram has `_bucket`, `_sum` and `_count`.
    #[must_use]
    pub fn prometheus_series(&self) -> Vec<String> {
        let name = self.prometheus_name();
        match self.kind {
            Kind::Histogram => ["bucket", "sum", "count"].map(|part| format!("{name}_{part}")).to_vec(),
            _ => vec![name],
        }
    }

    /// Every label of those series, those of the process included; a histogram's buckets have `le` too.
    #[must_use]
    pub fn prometheus_labels(&self) -> Vec<String> {
        let own = self.spec.labels.iter().chain(PROCESS_LABELS).map(|label| prometheus_label(label));
        own.chain((self.kind == Kind::Histogram).then(|| "le".to_owned())).collect()
    }

    /// Under which sets of dimensions CloudWatch has it, each sorted; none if it does not go there.
    #[must_use]
    pub fn dimension_sets(&self) -> Vec<Vec<&'static str>> {
        let sets = self.spec.emf.iter().flat_map(|emf| emf.dimensions);
        let named = |labels: &&[&str]| {
            let mut set = vec![ENVIRONMENT_DIMENSION];
            set.extend(labels.iter().filter_map(|label| dimension(label)));
            set.sort_unstable();
            set
        };
        sets.map(named).collect()
    }
}

/// The units of the table that Prometheus' names tell; a unit in braces is a remark, and not part of the name.
fn prometheus_unit(unit: &str) -> Option<&'static str> {
    match unit {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        "1" => Some("ratio"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::INSTRUMENTS;

    #[test]
    fn names_follow_from_the_table() {
        let series = |name: &str| {
            let found = INSTRUMENTS.iter().find(|it| it.spec.name == name);
            found.map(Instrument::prometheus_series).unwrap_or_default().join(" ")
        };
        assert_eq!(series("outcrop.cost"), "outcrop_cost_total");
        assert_eq!(series("process.cpu.time"), "process_cpu_time_seconds_total");
        assert_eq!(series("outcrop.budget.used"), "outcrop_budget_used_ratio");
        assert_eq!(series("http.server.active_requests"), "http_server_active_requests");
        assert_eq!(
            series("outcrop.job.wait"),
            "outcrop_job_wait_seconds_bucket outcrop_job_wait_seconds_sum outcrop_job_wait_seconds_count"
        );
    }

    #[test]
    fn every_unit_of_the_table_is_known_or_a_remark() {
        for Instrument { spec, .. } in INSTRUMENTS {
            let remark = spec.unit.is_empty() || (spec.unit.starts_with('{') && spec.unit.ends_with('}'));
            assert!(remark || prometheus_unit(spec.unit).is_some(), "{}: {}", spec.name, spec.unit);
        }
    }

    #[test]
    fn no_two_instruments_have_a_series_in_common() {
        let mut all: Vec<_> = INSTRUMENTS.iter().flat_map(Instrument::prometheus_series).collect();
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn what_is_a_dimension_has_a_name_as_one() {
        for Instrument { spec, .. } in INSTRUMENTS {
            for label in spec.emf.iter().flat_map(|emf| emf.dimensions.iter().copied().flatten()) {
                assert!(dimension(label).is_some(), "{}: {label}", spec.name);
            }
        }
    }

    #[test]
    fn the_environment_is_in_every_set() {
        for row in INSTRUMENTS {
            for set in row.dimension_sets() {
                assert!(set.contains(&ENVIRONMENT_DIMENSION), "{}", row.spec.name);
                assert!(set.len() <= 30, "{}", row.spec.name);
            }
        }
    }
}
