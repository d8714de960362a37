//! What is spent, and whether it is written down.

use outcrop_telemetry::names;

use super::{Alarm, Bad, CloudWatch, Input, Severity, Test, Watch, input};
use crate::observability::series::{ENVIRONMENT, label};

const BY: &[&str] = &[ENVIRONMENT];
const BUDGETS: &[&str] = &[ENVIRONMENT, names::TEAM, names::LEVEL, names::WINDOW];
const HOUR: u32 = 3_600;
const DAY: u32 = 86_400;
/// Days that an hour is compared with.
const DAYS: u32 = 7;
/// What an hour may cost whatever the days before did, US dollars: small platforms are not woken for cents.
const FLOOR_USD: u32 = 5;

pub(super) fn alarms() -> Vec<Alarm> {
    vec![budget_nearly_used(), budget_used(), cost_jump(), usage_backlog()]
}

fn budget_nearly_used() -> Alarm {
    Alarm {
        name: "BudgetNearlyUsed",
        runbook: "budget-nearly-used",
        severity: Severity::Ticket,
        summary: "More than 80 % of a budget are used.",
        value: "{{ $value | humanizePercentage }} of the budget per {{ $labels.outcrop_window }} of team {{ $labels.outcrop_team }} are used.",
        expr: |scale| {
            let used = scale.over(names::BUDGET_USED.row(), 300).now("max", BUDGETS);
            format!("({used} > 0.8) < 1")
        },
        for_s: 60,
        cloudwatch: budget(80.0, Bad::Above),
        test: Test { fires: (used("0.85x30"), 10), quiet: used("0.79x30") },
    }
}

fn budget_used() -> Alarm {
    Alarm {
        name: "BudgetUsed",
        runbook: "budget-used",
        severity: Severity::Page,
        summary: "A budget is used up: calls that it is for are refused.",
        value: "{{ $value | humanizePercentage }} of the budget per {{ $labels.outcrop_window }} of team {{ $labels.outcrop_team }} are used.",
        expr: |scale| format!("{} >= 1", scale.over(names::BUDGET_USED.row(), 300).now("max", BUDGETS)),
        for_s: 60,
        cloudwatch: budget(100.0, Bad::AtOrAbove),
        test: Test { fires: (used("1x30"), 10), quiet: used("0.99x30") },
    }
}

fn budget(threshold: f64, bad: Bad) -> CloudWatch {
    CloudWatch {
        watch: Watch::One(names::BUDGET_USED.row(), "Maximum"),
        period_s: 300,
        of: (1, 1),
        threshold,
        bad,
        missing_is_bad: false,
    }
}

fn used(values: &str) -> Vec<Input> {
    let labels = [(names::TEAM, "a"), (names::LEVEL, "team"), (names::WINDOW, "month")];
    vec![input(names::BUDGET_USED.row(), &labels, values)]
}

fn cost_jump() -> Alarm {
    Alarm {
        name: "CostJump",
        runbook: "cost-jump",
        severity: Severity::Ticket,
        summary: "The last hour cost three times as much as the same hour of the days before, and five dollars more.",
        value: "It cost {{ $value | humanize }} US dollars.",
        expr: |scale| {
            let hour = scale.over(names::COST.row(), HOUR);
            let days = (1..=DAYS).map(|day| {
                let then = hour.clone().ago(&scale.span(day * DAY)).increase(BY);
                format!("label_replace({then}, \"day\", \"{day}\", \"\", \"\")")
            });
            let before =
                format!("avg by ({}) ({})", label(ENVIRONMENT), days.collect::<Vec<_>>().join(" or "));
            let floor = f64::from(FLOOR_USD) / f64::from(scale.0);
            format!("{} > 3 * {before} + {floor}", hour.increase(BY))
        },
        for_s: 0,
        cloudwatch: CloudWatch {
            watch: Watch::Unusual(names::COST.row(), "The last hour cost more than is usual at this time."),
            period_s: 3_600,
            of: (1, 1),
            threshold: 4.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        // Two days at a dollar an hour; then sixty in the last.
        test: Test {
            fires: (cost("0+0.0167x2880 48.1+1x60"), 2_940),
            quiet: cost("0+0.0167x2880 48.1+0.05x60"),
        },
    }
}

fn cost(values: &str) -> Vec<Input> {
    vec![input(names::COST.row(), &[(names::TEAM, "a"), (names::GEN_AI_REQUEST_MODEL, "m")], values)]
}

fn usage_backlog() -> Alarm {
    Alarm {
        name: "UsageBacklog",
        runbook: "usage-backlog",
        severity: Severity::Page,
        summary: "Usage has not got into the ledger for more than five minutes: budgets and reports lag behind.",
        value: "The oldest record has been waiting for {{ $value | humanizeDuration }}.",
        expr: |scale| {
            format!("{} > {}", scale.over(names::SPOOL_OLDEST.row(), 300).now("max", BY), 300 / scale.0)
        },
        for_s: 60,
        cloudwatch: CloudWatch {
            watch: Watch::One(names::SPOOL_OLDEST.row(), "Maximum"),
            period_s: 60,
            of: (3, 3),
            threshold: 300.0,
            bad: Bad::Above,
            missing_is_bad: false,
        },
        test: Test {
            fires: (vec![input(names::SPOOL_OLDEST.row(), &[], "0+60x30")], 20),
            quiet: vec![input(names::SPOOL_OLDEST.row(), &[], "0 1 0x28")],
        },
    }
}
