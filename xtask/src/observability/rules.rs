//! The alarms as rules of Prometheus, and the rules' own tests, which promtool runs.

use serde_json::{Value, json};

use super::alarms::{self, Alarm, Input, Scale};
use super::yaml;

/// The rules, with all spans of time so many times shorter as the scale says.
pub(super) fn rules(alarms: &[Alarm], scale: Scale) -> String {
    let rules: Vec<_> = alarms.iter().map(|it| rule(it, scale)).collect();
    let interval = scale.span(60);
    yaml::document(&json!({"groups": [{"name": "outcrop", "interval": interval, "rules": rules}]}))
}

fn rule(alarm: &Alarm, scale: Scale) -> Value {
    json!({
        "alert": alarm.name,
        "expr": (alarm.expr)(scale),
        "for": scale.span(alarm.for_s),
        "labels": {"severity": alarm.severity.name()},
        "annotations": {
            "summary": alarm.summary,
            "description": alarm.value,
            "runbook_url": alarm.runbook_url(),
        },
    })
}

/// For each alarm one story in which it fires, and one in which it does not; then those of bursts.
pub(super) fn tests(alarms: &[Alarm]) -> String {
    let bursts = alarms::bursts();
    let tests: Vec<_> = alarms
        .iter()
        .flat_map(|alarm| {
            let (bad, minute) = &alarm.test.fires;
            [
                story(alarm.name, "fires", bad, *minute, true),
                story(alarm.name, "does not fire", &alarm.test.quiet, *minute, false),
            ]
        })
        .chain(bursts.iter().map(|(name, inputs, minute)| {
            story(name, "fires at a burst after the start", inputs, *minute, true)
        }))
        .collect();
    yaml::document(&json!({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}))
}

fn story(alarm: &str, what: &str, inputs: &[Input], minute: u32, fires: bool) -> Value {
    let series: Vec<_> = inputs.iter().map(|it| json!({"series": it.series, "values": it.values})).collect();
    let firing = format!("count(ALERTS{{alertname=\"{}\", alertstate=\"firing\"}})", alarm);
    let expected = if fires { json!([{"labels": "{}", "value": 1}]) } else { json!([]) };
    json!({
        "name": format!("{alarm} {what}"),
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": firing, "eval_time": format!("{minute}m"), "exp_samples": expected}],
    })
}
