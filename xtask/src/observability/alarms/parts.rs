//! The parts themselves: what they stand on, what they tell, whether they are there.

use outcrop_telemetry::names;

use super::{Alarm, Bad, CloudWatch, Input, Scale, Severity, Test, Watch, input, raw};
use crate::observability::cloudwatch::SERVICES;
use crate::observability::series::{ENVIRONMENT, INSTANCE, JOB, SERVICE, UP, label};

pub(super) fn alarms() -> Vec<Alarm> {
    vec![dependency_down(), telemetry_lost(), process_gone(), process_restarts()]
}

fn dependency_down() -> Alarm {
    Alarm {
        name: "DependencyDown",
        runbook: "dependency-down",
        severity: Severity::Page,
        summary: "Something that the platform stands on does not answer.",
        value: "{{ $labels.service_name }} cannot reach {{ $labels.dependency }}.",
        expr: |scale| {
            let by = &[ENVIRONMENT, SERVICE, names::DEPENDENCY];
            format!("{} < 1", scale.over(names::DEPENDENCY_UP.row(), 120).now("min", by))
        },
        for_s: 120,
        cloudwatch: CloudWatch {
            watch: Watch::One(names::DEPENDENCY_UP.row(), "Minimum"),
            period_s: 60,
            of: (3, 3),
            threshold: 1.0,
            bad: Bad::Below,
            missing_is_bad: false,
        },
        test: Test {
            fires: (vec![input(names::DEPENDENCY_UP.row(), &[(names::DEPENDENCY, "redis")], "1x5 0x25")], 20),
            // Away for a minute.
            quiet: vec![input(names::DEPENDENCY_UP.row(), &[(names::DEPENDENCY, "redis")], "1x18 0 1x10")],
        },
    }
}

fn telemetry_lost() -> Alarm {
    Alarm {
        name: "TelemetryLost",
        runbook: "telemetry-lost",
        severity: Severity::Ticket,
        summary: "Spans, log lines or metrics are lost: what is seen from outside is not all there is.",
        value: "{{ $labels.service_name }} lost {{ $value | humanize }} within ten minutes.",
        expr: |scale| {
            let by = &[ENVIRONMENT, SERVICE];
            let spans =
                scale.over(names::TELEMETRY_SPANS.row(), 600).only(names::OUTCOME, "=~\"dropped|failed\"");
            let lines = scale.over(names::TELEMETRY_LINES_DROPPED.row(), 600);
            let exports = scale.over(names::TELEMETRY_FAILURES.row(), 600);
            [spans, lines, exports].map(|it| format!("{} > 0", it.increase(by))).join(" or ")
        },
        for_s: 300,
        cloudwatch: CloudWatch {
            watch: Watch::Sums(&[
                ((|| names::TELEMETRY_SPANS.row(), Some((names::OUTCOME, "dropped"))), "Sum"),
                ((|| names::TELEMETRY_SPANS.row(), Some((names::OUTCOME, "failed"))), "Sum"),
                ((|| names::TELEMETRY_LINES_DROPPED.row(), None), "Sum"),
                ((|| names::TELEMETRY_FAILURES.row(), None), "Sum"),
            ]),
            period_s: 300,
            of: (3, 3),
            threshold: 0.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test { fires: (spans("dropped"), 20), quiet: spans("left_out") },
    }
}

fn spans(outcome: &str) -> Vec<Input> {
    vec![input(names::TELEMETRY_SPANS.row(), &[(names::OUTCOME, outcome)], "0+1x30")]
}

fn process_gone() -> Alarm {
    Alarm {
        name: "ProcessGone",
        runbook: "process-gone",
        severity: Severity::Page,
        summary: "A process that should be there does not answer.",
        value: "{{ if $labels.instance }}{{ $labels.job }} at {{ $labels.instance }} does not answer.{{ else }}No process of {{ $labels.job }} answers.{{ end }}",
        expr: |scale| {
            let all = format!("{UP}{{{JOB}=~\"outcrop.*\"}}");
            let nothing = named(&format!("absent({all})"), "outcrop");
            [vec![format!("{all} == 0")], missing_services(scale), vec![nothing]].concat().join(" or ")
        },
        for_s: 120,
        // Every process says each metrics.interval_s, five minutes at most, how long it has been there.
        cloudwatch: CloudWatch {
            watch: Watch::EachService(names::PROCESS_UPTIME.row()),
            period_s: 300,
            of: (1, 1),
            threshold: 1.0,
            bad: Bad::Below,
            missing_is_bad: true,
        },
        test: Test { fires: (vec![raw(UP, &[], "1x5 0x25")], 20), quiet: vec![raw(UP, &[], "1x30")] },
    }
}

/// For each service an expression that is true where others of its platform answer and none of it does: what is found by
/// asking the orchestrator is not 0 when it is gone, but not there. One process that is everything proves nothing of others.
fn missing_services(scale: Scale) -> Vec<String> {
    let of_platform = SERVICES.iter().filter(|it| it.2 == "Services").map(|it| it.0);
    let services: Vec<_> = of_platform.collect();
    let uptime = scale.over(names::PROCESS_UPTIME.row(), 300);
    let there =
        uptime.clone().only(SERVICE, &format!("=~\"{}\"", services.join("|"))).now("count", &[ENVIRONMENT]);
    let missing = services.iter().map(|service| {
        let own = uptime.clone().only(SERVICE, &format!("=\"{service}\"")).now("count", &[ENVIRONMENT]);
        named(&format!("{there} unless on ({}) {own}", label(ENVIRONMENT)), service)
    });
    missing.collect()
}

/// With `job` as the label that says what is missing.
fn named(expr: &str, job: &str) -> String {
    format!("label_replace({expr}, \"{JOB}\", \"{job}\", \"\", \"\")")
}

fn process_restarts() -> Alarm {
    Alarm {
        name: "ProcessRestarts",
        runbook: "process-restarts",
        severity: Severity::Page,
        summary: "A process ends and is started again, over and over.",
        value: "{{ $labels.service_name }} at {{ $labels.instance }} began {{ $value }} times within fifteen minutes.",
        expr: |scale| {
            let by = &[ENVIRONMENT, SERVICE, INSTANCE];
            format!("{} > 2", scale.over(names::PROCESS_UPTIME.row(), 900).each("resets", "max", by))
        },
        for_s: 0,
        // In every five minutes of half an hour there was one that had begun within them.
        cloudwatch: CloudWatch {
            watch: Watch::One(names::PROCESS_UPTIME.row(), "Minimum"),
            period_s: 300,
            of: (6, 6),
            threshold: 300.0,
            bad: Bad::Below,
            missing_is_bad: false,
        },
        test: Test {
            fires: (vec![input(names::PROCESS_UPTIME.row(), &[], "60 120 5 65 5 65 5 65 5 65 5x20")], 12),
            quiet: vec![input(names::PROCESS_UPTIME.row(), &[], "60 120 5 65 125+60x20")],
        },
    }
}
