//! Work that nobody waits for, and that nobody would miss at once.

use outcrop_telemetry::metric::Instrument;
use outcrop_telemetry::names;

use super::{Alarm, Bad, CloudWatch, Severity, Test, Watch, input};
use crate::observability::series::ENVIRONMENT;

const BY: &[&str] = &[ENVIRONMENT];

pub(super) fn alarms() -> Vec<Alarm> {
    vec![queue_age(), dead_jobs(), dead_letters()]
}

fn queue_age() -> Alarm {
    Alarm {
        name: "QueueAge",
        runbook: "queue-age",
        severity: Severity::Page,
        summary: "A job has been due for more than five minutes, and no worker has taken it.",
        value: "The oldest has been waiting for {{ $value | humanizeDuration }}.",
        // Its clock is the jobs' own: at another scale the same share of it is a long time.
        expr: |scale| {
            format!("{} > {}", scale.over(names::JOBS_OLDEST.row(), 300).now("max", BY), 300 / scale.0)
        },
        for_s: 120,
        cloudwatch: gauge(names::JOBS_OLDEST.row(), 300.0),
        test: gauge_test(names::JOBS_OLDEST.row(), "0+60x30", "200x30"),
    }
}

fn dead_jobs() -> Alarm {
    Alarm {
        name: "DeadJobs",
        runbook: "dead-jobs",
        severity: Severity::Ticket,
        summary: "Jobs were set aside: they failed too often, and nobody tries them again.",
        value: "{{ $value }} of them lie there.",
        expr: |scale| format!("{} > 0", scale.over(names::JOBS_DEAD.row(), 300).now("max", BY)),
        for_s: 60,
        cloudwatch: gauge(names::JOBS_DEAD.row(), 0.0),
        test: gauge_test(names::JOBS_DEAD.row(), "0x5 1x25", "0x30"),
    }
}

fn dead_letters() -> Alarm {
    Alarm {
        name: "DeadLetters",
        runbook: "dead-letters",
        severity: Severity::Ticket,
        summary: "The dead-letter queue is not empty: workers died with messages in their hands.",
        value: "{{ $value }} messages lie there.",
        expr: |scale| format!("{} > 0", scale.over(names::QUEUE_DEAD.row(), 300).now("max", BY)),
        for_s: 60,
        cloudwatch: gauge(names::QUEUE_DEAD.row(), 0.0),
        test: gauge_test(names::QUEUE_DEAD.row(), "0x5 1x25", "0x30"),
    }
}

fn gauge(instrument: Instrument, threshold: f64) -> CloudWatch {
    CloudWatch {
        watch: Watch::One(instrument, "Maximum"),
        period_s: 60,
        of: (3, 3),
        threshold,
        bad: Bad::Above,
        missing_is_bad: false,
    }
}

fn gauge_test(instrument: Instrument, bad: &str, good: &str) -> Test {
    Test { fires: (vec![input(instrument, &[], bad)], 20), quiet: vec![input(instrument, &[], good)] }
}
