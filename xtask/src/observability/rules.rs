//! The alarms as rules of Prometheus, and the rules' own tests, which promtool runs.

use serde_json::{Value, json};

use super::alarms::{self, Alarm, End, Input, Scale, Story};
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
        "annotations": annotations(alarm, alarm.value),
    })
}

/// For each alarm one story in which it fires, and one in which it does not; then further ones.
pub(super) fn tests(alarms: &[Alarm]) -> String {
    let tests: Vec<_> = alarms
        .iter()
        .flat_map(|alarm| {
            let (bad, minute) = &alarm.test.fires;
            [
                story(alarm.name, "fires", bad, *minute, true),
                story(alarm.name, "does not fire", &alarm.test.quiet, *minute, false),
            ]
        })
        .chain(alarms::stories().iter().map(|it| further(alarms, it)))
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

/// A story that may say, too, what the alert says.
fn further(alarms: &[Alarm], it: &Story) -> Value {
    let mut test = story(it.alarm, it.what, &it.inputs, it.minute, !matches!(it.end, End::Quiet));
    let alarm = alarms.iter().find(|alarm| alarm.name == it.alarm);
    if let (End::Says(labels, description), Some(alarm)) = (&it.end, alarm) {
        let mut all = json!({"severity": alarm.severity.name()});
        for (name, value) in *labels {
            all[name] = json!(value);
        }
        let annotations = annotations(alarm, description);
        test["alert_rule_test"] = json!([{
            "eval_time": format!("{}m", it.minute),
            "alertname": alarm.name,
            "exp_alerts": [{"exp_labels": all, "exp_annotations": annotations}],
        }]);
    }
    test
}

fn annotations(alarm: &Alarm, description: &str) -> Value {
    json!({"summary": alarm.summary, "description": description, "runbook_url": alarm.runbook_url()})
}
