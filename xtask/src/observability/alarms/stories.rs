//! Stories besides the two that each alarm tells itself: what happens once, at once, soon after the start.
//!
//! A counter that appears with its first event has no increase, so those that alarms add up without labels, or with the labels of
//! a closed list, are told as 0 from the start on. Here they are, and what comes at once is seen.

use outcrop_telemetry::names;

use super::{Input, input};

/// The alarm, what happens, and the minute at which it fires.
pub(in crate::observability) fn bursts() -> Vec<(&'static str, Vec<Input>, u32)> {
    let burst = "0x10 30x20";
    let lost = |outcome| input(names::TELEMETRY_SPANS.row(), &[(names::OUTCOME, outcome)], burst);
    vec![
        ("ServerErrors", vec![input(names::SERVER_ERRORS.row(), &[], burst)], 14),
        ("TelemetryLost", vec![lost("dropped")], 18),
        (
            "TelemetryLost",
            vec![input(names::TELEMETRY_LINES_DROPPED.row(), &[(names::SIGNAL, "logs")], burst)],
            18,
        ),
    ]
}
