//! `docs/metrics.md`: the table of instruments, for people.

use std::fmt::Write as _;

use outcrop_telemetry::metric::{Instrument, Kind};
use outcrop_telemetry::names::INSTRUMENTS;
use outcrop_telemetry::naming;

pub(super) fn text() -> String {
    let mut text = "# Metrics\n\n\
        Written by `cargo xtask observability` from `crates/telemetry/src/names.rs`. How to get them: [observability.md](observability.md).\n\n\
        Labels besides those below, on every metric: "
        .to_owned();
    let labels: Vec<_> = naming::PROCESS_LABELS.iter().map(|it| naming::prometheus_label(it)).collect();
    let _ = writeln!(text, "`{}`.\n", labels.join("`, `"));
    text.push_str(
        "| OpenTelemetry | Prometheus | | labels | CloudWatch | tells |\n|---|---|---|---|---|---|\n",
    );
    for instrument in INSTRUMENTS {
        let spec = instrument.spec;
        let labels: Vec<_> = spec.labels.iter().map(|it| format!("`{it}`")).collect();
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} |",
            spec.name,
            instrument.prometheus_name(),
            kind(instrument.kind),
            labels.join(", "),
            cloudwatch(instrument),
            spec.help
        );
    }
    text
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::UpDown | Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// The name and the sets of dimensions.
fn cloudwatch(instrument: &Instrument) -> String {
    let Some(emf) = instrument.spec.emf else { return "–".to_owned() };
    let sets: Vec<_> = instrument.dimension_sets().iter().map(|set| set.join(" × ")).collect();
    format!("`{}` ({}), by {}", emf.name, emf.unit, sets.join("; "))
}
