//! What is written is fresh, names nothing that does not exist, and is understood by those who read it.

use std::process::Command;

use serde_json::{Value, json};

use super::*;

/// Reads the files as Prometheus' and CloudWatch's own programs do.
const PROGRAM: &str = include_str!("checks.py");

#[test]
fn files_are_as_the_table_of_instruments_has_them() {
    stale(&files().unwrap()).unwrap();
    check::names().unwrap();
}

#[test]
fn what_does_not_exist_is_noticed() {
    let panel = |expr: &str, legend: &str| {
        let target = json!({"expr": expr, "legendFormat": legend});
        check::dashboard(&json!({"panels": [{"title": "t", "description": "d", "targets": [target]}]}))
    };
    panel("sum by (outcrop_team) (rate(outcrop_cost_total[5m]))", "{{outcrop_team}}").unwrap();
    panel("sum(rate(outcrop_costs_total[5m]))", "").unwrap_err();
    panel("sum(rate(outcrop_cost_total{team=\"a\"}[5m]))", "").unwrap_err();
    panel("sum by (team) (rate(outcrop_cost_total[5m]))", "").unwrap_err();
    panel("sum by (outcrop_team) (rate(outcrop_cost_total[5m]))", "{{team}}").unwrap_err();
    check::rules("- expr: \"up == 0\"\n").unwrap();
    check::rules("- expr: \"ups == 0\"\n").unwrap_err();
}

#[test]
fn every_service_is_missed_by_an_alarm_of_its_own() {
    let template = cloudwatch::template(&alarms::all()).unwrap();
    let resources = &template["Resources"];
    for (service, part, condition) in cloudwatch::SERVICES {
        let alarm = &resources[format!("ProcessGone{part}Alarm")];
        assert_eq!(alarm["Condition"], *condition);
        let dimensions = alarm["Properties"]["Dimensions"].as_array().unwrap();
        assert!(dimensions.contains(&json!({"Name": "Service", "Value": service})), "{service}");
        assert!(template["Conditions"][condition].is_object());
    }
    assert!(resources["ProcessGoneAlarm"].is_null());
}

#[test]
fn what_is_drawn_of_a_team_is_of_the_platform_chosen() {
    let all = grafana::all();
    let team = all.iter().find(|it| it.uid == "outcrop-team").unwrap().json();
    for panel in team["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = target["expr"].as_str().unwrap();
            assert!(expr.contains("=~\"$environment\""), "{expr}");
        }
    }
}

#[test]
fn names_of_alarms_and_dashboards_are_unique() {
    let mut names: Vec<_> = alarms::all().iter().map(|it| it.name).collect();
    names.extend(grafana::all().iter().map(|it| it.uid));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn drills_are_faster_and_otherwise_the_same() {
    assert_eq!(Scale(1).span(300), "5m");
    assert_eq!(Scale(60).span(300), "5s");
    assert_eq!(Scale(600).span(300), "500ms");
    assert_eq!(Scale(1).span(0), "0s");
}

#[test]
#[ignore = "needs promtool: cargo xtask test"]
fn prometheus_accepts_the_rules_and_they_fire_when_they_should() {
    let promtool = outcrop_testkit::promtool();
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]] {
        let mut command = Command::new(&promtool);
        let out = command.args(arguments).current_dir(folder().join("prometheus")).output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&said));
    }
    let out = Command::new(&promtool)
        .args(["check", "config", "prometheus.yml"])
        .current_dir(folder().join("prometheus"))
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&[out.stdout, out.stderr].concat()));
}

#[test]
#[ignore = "needs a Python with boto3 and a local AWS: cargo xtask test"]
fn cloudwatch_accepts_the_template_and_others_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("checks.py");
    std::fs::write(&script, PROGRAM).unwrap();
    let out = Command::new(outcrop_testkit::python())
        .arg(&script)
        .arg(paths::root())
        .env("AWS_ENDPOINT_URL", outcrop_testkit::aws_endpoint())
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    // What it read, against what was to be there.
    let read: Value = serde_json::from_str(said.trim()).unwrap();
    let names: Vec<_> = alarms::all().iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(read["rules"], json!(names));
    // One for each, and of that a process is gone one for each service.
    let made: Vec<_> = read["alarms"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(made.len(), names.len() - 1 + cloudwatch::SERVICES.len());
    for (_, part, _) in cloudwatch::SERVICES {
        assert!(made.contains(&format!("ProcessGone-{part}").as_str()), "{part}");
    }
    for expr in read["expressions"].as_array().unwrap() {
        check::expression(expr.as_str().unwrap()).unwrap();
    }
}
