//! What clients notice.

use outcrop_telemetry::names;

use super::{Alarm, Bad, CloudWatch, Severity, Test, Watch, input, part};
use crate::observability::series::ENVIRONMENT;

const BY: &[&str] = &[ENVIRONMENT];
/// Of fewer than these within a window, a share tells nothing: one failure among them is no outage.
const FEW: u32 = 20;

pub(super) fn alarms() -> Vec<Alarm> {
    vec![error_rate(), server_errors(), client_errors(), slow_answers(), calls_failed(), throttling()]
}

fn error_rate() -> Alarm {
    Alarm {
        name: "ErrorRate",
        runbook: "error-rate",
        severity: Severity::Page,
        summary: "More than 1 % of the answers to clients are 5xx, or broke off.",
        value: "{{ $value | humanizePercentage }} of the last five minutes' answers are 5xx, or broke off.",
        expr: |scale| {
            let all = scale.over(names::ANSWERS.row(), 300);
            let errors = scale.over(names::SERVER_ERRORS.row(), 300).rate(BY);
            let enough = scale.at_least(FEW);
            format!("{errors} / {} > 0.01 and {} >= {enough}", all.rate(BY), all.increase(BY))
        },
        for_s: 300,
        cloudwatch: CloudWatch {
            watch: Watch::Share((|| names::SERVER_ERRORS.row(), None), names::REQUESTS.row(), FEW),
            period_s: 60,
            of: (5, 5),
            threshold: 1.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test { fires: (answers("0+10x30", "0+1x30"), 20), quiet: answers("0+1000x30", "0+1x30") },
    }
}

fn answers(all: &str, bad: &str) -> Vec<super::Input> {
    vec![
        input(names::ANSWERS.row(), &[(names::STATUS_CLASS, "2xx")], all),
        input(names::SERVER_ERRORS.row(), &[], bad),
    ]
}

fn server_errors() -> Alarm {
    Alarm {
        name: "ServerErrors",
        runbook: "server-errors",
        severity: Severity::Ticket,
        summary: "Answers to clients were 5xx or broke off more than ten times within a quarter of an hour.",
        value: "{{ $value | humanize }} answers of the last fifteen minutes are 5xx, or broke off.",
        expr: |scale| format!("{} > 10", scale.over(names::SERVER_ERRORS.row(), 900).increase(BY)),
        for_s: 0,
        cloudwatch: CloudWatch {
            watch: Watch::One(names::SERVER_ERRORS.row(), "Sum"),
            period_s: 900,
            of: (1, 1),
            threshold: 10.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test {
            fires: (vec![input(names::SERVER_ERRORS.row(), &[], "0+1x30")], 20),
            quiet: vec![input(names::SERVER_ERRORS.row(), &[], "0+1x5 5x25")],
        },
    }
}

fn client_errors() -> Alarm {
    Alarm {
        name: "ClientErrors",
        runbook: "client-errors",
        severity: Severity::Ticket,
        summary: "More than a quarter of the answers to clients are 4xx.",
        value: "{{ $value | humanizePercentage }} of the last ten minutes' answers are 4xx.",
        expr: |scale| {
            let all = scale.over(names::ANSWERS.row(), 600);
            let errors = scale.over(names::CLIENT_ERRORS.row(), 600).rate(BY);
            let enough = scale.at_least(FEW);
            format!("{errors} / {} > 0.25 and {} > {enough}", all.rate(BY), all.increase(BY))
        },
        for_s: 600,
        cloudwatch: CloudWatch {
            watch: Watch::Share((|| names::CLIENT_ERRORS.row(), None), names::REQUESTS.row(), FEW),
            period_s: 300,
            of: (4, 4),
            threshold: 25.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test {
            fires: (mistakes("0+10x40", "0+5x40"), 30),
            // One program that is wrong once a minute, and nobody else awake.
            quiet: mistakes("0+1x40", "0+1x40"),
        },
    }
}

fn mistakes(all: &str, bad: &str) -> Vec<super::Input> {
    vec![
        input(names::ANSWERS.row(), &[(names::STATUS_CLASS, "4xx")], all),
        input(names::CLIENT_ERRORS.row(), &[], bad),
    ]
}

fn slow_answers() -> Alarm {
    Alarm {
        name: "SlowAnswers",
        runbook: "slow-answers",
        severity: Severity::Page,
        summary: "One call of a model in twenty takes longer than two seconds.",
        value: "The 95th percentile of the last five minutes is {{ $value | humanizeDuration }}.",
        expr: |scale| {
            format!("{} > 2", scale.over(names::GEN_AI_SERVER_DURATION.row(), 300).quantile(0.95, BY))
        },
        for_s: 300,
        cloudwatch: CloudWatch {
            watch: Watch::One(names::GEN_AI_SERVER_DURATION.row(), "p95"),
            period_s: 60,
            of: (5, 5),
            threshold: 2_000.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test { fires: (calls("0+0x30", "0+10x30"), 20), quiet: calls("0+10x30", "0+10x30") },
    }
}

fn calls(within_two_seconds: &str, all: &str) -> Vec<super::Input> {
    let calls = names::GEN_AI_SERVER_DURATION.row();
    let model = (names::GEN_AI_REQUEST_MODEL, "m");
    [("2", within_two_seconds), ("3", all), ("+Inf", all)]
        .map(|(bound, values)| part(calls, "_bucket", &[model, ("le", bound)], values))
        .into()
}

/// A job's call is nobody's answer, and much that goes well beside models hides those that fail: then [`error_rate`] is silent.
fn calls_failed() -> Alarm {
    Alarm {
        name: "ModelCallsFailed",
        runbook: "model-calls-failed",
        severity: Severity::Page,
        summary: "More than 5 % of the calls of models fail, streams that break off included.",
        value: "{{ $value | humanizePercentage }} of the last five minutes' calls of models failed.",
        expr: |scale| {
            let all = scale.over(names::MODEL_CALLS.row(), 300);
            let failed = all.clone().only(names::OUTCOME, "=\"failed\"").rate(BY);
            let enough = scale.at_least(FEW);
            format!("{failed} / {} > 0.05 and {} >= {enough}", all.rate(BY), all.increase(BY))
        },
        for_s: 300,
        cloudwatch: CloudWatch {
            watch: Watch::Share(
                (|| names::MODEL_CALLS.row(), Some((names::OUTCOME, "failed"))),
                names::MODEL_CALLS.row(),
                FEW,
            ),
            period_s: 60,
            of: (5, 5),
            threshold: 5.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test { fires: (outcomes("0+1x30"), 20), quiet: outcomes("0+0.2x30") },
    }
}

fn outcomes(failed: &str) -> Vec<super::Input> {
    let call = |outcome| {
        let of = [(names::TEAM, "a"), (names::GEN_AI_REQUEST_MODEL, "m"), (names::REGION, "us-east-1")];
        [of.as_slice(), &[(names::OUTCOME, outcome), (names::CACHE, "bypass")]].concat()
    };
    vec![
        input(names::MODEL_CALLS.row(), &call("completed"), "0+10x30"),
        input(names::MODEL_CALLS.row(), &call("failed"), failed),
    ]
}

fn throttling() -> Alarm {
    Alarm {
        name: "BedrockThrottling",
        runbook: "bedrock-throttling",
        severity: Severity::Ticket,
        summary: "Bedrock throttles more than one attempt in twenty.",
        value: "{{ $value | humanizePercentage }} of the last five minutes' attempts were throttled.",
        expr: |scale| {
            let all = scale.over(names::MODEL_ATTEMPTS.row(), 300);
            let throttles = scale.over(names::THROTTLES.row(), 300).rate(BY);
            let enough = scale.at_least(FEW);
            format!("{throttles} / {} > 0.05 and {} >= {enough}", all.rate(BY), all.increase(BY))
        },
        for_s: 300,
        cloudwatch: CloudWatch {
            watch: Watch::Share((|| names::THROTTLES.row(), None), names::MODEL_ATTEMPTS.row(), FEW),
            period_s: 60,
            of: (5, 5),
            threshold: 5.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test { fires: (attempts("0+1x30"), 20), quiet: attempts("0+0x30") },
    }
}

fn attempts(throttled: &str) -> Vec<super::Input> {
    let target = [(names::GEN_AI_REQUEST_MODEL, "m"), (names::REGION, "us-east-1")];
    let attempt = [target[0], target[1], (names::OUTCOME, "ok")];
    vec![
        input(names::MODEL_ATTEMPTS.row(), &attempt, "0+10x30"),
        input(names::THROTTLES.row(), &target, throttled),
    ]
}
