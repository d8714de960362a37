//! Stories besides the two that each alarm tells itself.

use outcrop_telemetry::names;

use super::{Input, input, raw_of};
use crate::observability::cloudwatch::SERVICES;
use crate::observability::series::UP;

/// Something that happens, and whether an alarm fires at some minute of it.
pub(in crate::observability) struct Story {
    pub(in crate::observability) alarm: &'static str,
    /// What is to be seen, as it follows on the alarm's name.
    pub(in crate::observability) what: &'static str,
    pub(in crate::observability) inputs: Vec<Input>,
    pub(in crate::observability) minute: u32,
    pub(in crate::observability) end: End,
}

/// Whether it fires.
pub(in crate::observability) enum End {
    Quiet,
    Fires,
    /// The alert that fires has these labels besides its severity, and this description.
    Says(&'static [(&'static str, &'static str)], &'static str),
}

/// All of them.
pub(in crate::observability) fn stories() -> Vec<Story> {
    [bursts(), services()].into_iter().flatten().collect()
}

/// What happens once, at once, soon after the start.
///
/// A counter that appears with its first event has no increase, so those that alarms add up without labels, or with the labels of
/// a closed list, are told as 0 from the start on. Here they are, and what comes at once is seen.
fn bursts() -> Vec<Story> {
    let burst = "0x10 30x20";
    let story = |alarm, input, minute| Story {
        alarm,
        what: "fires at a burst after the start",
        inputs: vec![input],
        minute,
        end: End::Fires,
    };
    vec![
        story("ServerErrors", input(names::SERVER_ERRORS.row(), &[], burst), 14),
        story(
            "TelemetryLost",
            input(names::TELEMETRY_SPANS.row(), &[(names::OUTCOME, "dropped")], burst),
            18,
        ),
        story(
            "TelemetryLost",
            input(names::TELEMETRY_LINES_DROPPED.row(), &[(names::SIGNAL, "logs")], burst),
            18,
        ),
    ]
}

const ALWAYS: &str = "1x30";
/// Prometheus was told that it is no longer there.
const VANISHES: &str = "1x5 stale";

/// Services that are there, and one that no longer is.
fn services() -> Vec<Story> {
    let all = SERVICES.iter().filter(|it| it.2 == "Services").map(|it| it.0);
    let platform = |environment, gone: Option<&str>| -> Vec<Input> {
        let values = |service| if gone == Some(service) { VANISHES } else { ALWAYS };
        all.clone().flat_map(|it| process(it, environment, values(it))).collect()
    };
    let story = |what, inputs, end| Story { alarm: "ProcessGone", what, inputs, minute: 20, end };
    vec![
        story("does not fire while all services are there", platform("prod", None), End::Quiet),
        story(
            "fires when all workers vanish",
            platform("prod", Some("outcrop-job-worker")),
            End::Says(
                &[("deployment_environment_name", "prod"), ("job", "outcrop-job-worker")],
                "No process of outcrop-job-worker answers.",
            ),
        ),
        story(
            "fires when all gateways vanish, though another platform has some",
            platform("prod", Some("outcrop-gateway")).into_iter().chain(platform("stage", None)).collect(),
            End::Says(
                &[("deployment_environment_name", "prod"), ("job", "outcrop-gateway")],
                "No process of outcrop-gateway answers.",
            ),
        ),
        story(
            "does not fire for one process that is everything",
            process("outcrop", "prod", ALWAYS),
            End::Quiet,
        ),
        story(
            "fires when nothing is there",
            process("outcrop", "prod", VANISHES),
            End::Says(&[("job", "outcrop")], "No process of outcrop answers."),
        ),
    ]
}

/// What Prometheus has of a process.
fn process(service: &str, environment: &str, values: &str) -> Vec<Input> {
    let uptime = names::PROCESS_UPTIME.row().prometheus_name();
    [UP, &uptime].map(|name| raw_of(service, environment, name, &[], values)).into()
}
