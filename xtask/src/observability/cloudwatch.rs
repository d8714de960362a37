//! The alarms as a template of CloudFormation, with CloudWatch's dashboard beside them.

use outcrop_telemetry::metric::Instrument;
use serde_json::{Map, Value, json};

use super::alarms::{Alarm, Bad, CloudWatch, Watch};
use super::{cloudwatch_dashboard, series};

/// The template, to be written as YAML.
pub(super) fn template(alarms: &[Alarm]) -> anyhow::Result<Value> {
    let mut parameters = Map::from_iter([
        ("Environment".into(), text("What telemetry.environment is set to.", "default")),
        ("Namespace".into(), text("What metrics.emf_namespace is set to.", "Outcrop")),
        (
            "AlarmTopic".into(),
            text("ARN of the SNS topic that alarms are sent to; none are sent if empty.", ""),
        ),
    ]);
    let mut resources = Map::new();
    for alarm in alarms {
        parameters.insert(threshold(alarm), number(alarm));
        resources.insert(format!("{}Alarm", alarm.name), resource(alarm)?);
    }
    let body = cloudwatch_dashboard::body()?.to_string();
    resources.insert(
        "Dashboard".into(),
        json!({
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": {"Fn::Sub": "${Namespace}-${Environment}"},
                "DashboardBody": {"Fn::Sub": body},
            },
        }),
    );
    Ok(json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Outcrop: alarms and a dashboard for CloudWatch",
        "Parameters": parameters,
        "Conditions": {"HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]}},
        "Resources": resources,
        "Outputs": {"DashboardName": {"Value": {"Ref": "Dashboard"}}},
    }))
}

fn text(description: &str, default: &str) -> Value {
    json!({"Type": "String", "Description": description, "Default": default})
}

fn number(alarm: &Alarm) -> Value {
    let what = match (&alarm.cloudwatch.watch, alarm.cloudwatch.bad) {
        (Watch::Unusual(_), _) => "Width of the band, standard deviations",
        (_, Bad::Above) => "Bad is what is above",
        (_, Bad::AtOrAbove) => "Bad is this, and what is above",
        (_, Bad::Below) => "Bad is what is below",
    };
    let description = format!("{}: {}", what, alarm.summary);
    json!({"Type": "Number", "Description": description, "Default": alarm.cloudwatch.threshold})
}

fn threshold(alarm: &Alarm) -> String {
    format!("{}Threshold", alarm.name)
}

fn resource(alarm: &Alarm) -> anyhow::Result<Value> {
    let CloudWatch { watch, period_s, of, bad, missing_is_bad, .. } = &alarm.cloudwatch;
    let topic = json!({"Fn::If": ["HasTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]});
    let mut properties = json!({
        "AlarmName": {"Fn::Sub": format!("${{Namespace}}-${{Environment}}-{}", alarm.name)},
        "AlarmDescription": format!("[{}] {} Runbook: {}", alarm.severity.name(), alarm.summary, alarm.runbook_url()),
        "DatapointsToAlarm": of.0,
        "EvaluationPeriods": of.1,
        "TreatMissingData": if *missing_is_bad { "breaching" } else { "notBreaching" },
        "AlarmActions": topic,
        "OKActions": topic,
        "ComparisonOperator": match (watch, bad) {
            (Watch::Unusual(_), _) => "GreaterThanUpperThreshold",
            (_, Bad::Above) => "GreaterThanThreshold",
            (_, Bad::AtOrAbove) => "GreaterThanOrEqualToThreshold",
            (_, Bad::Below) => "LessThanThreshold",
        },
    });
    let limit = json!({"Ref": threshold(alarm)});
    match watch {
        Watch::One(instrument, statistic) => {
            let emf = series::emf(*instrument)?;
            properties["Namespace"] = json!({"Ref": "Namespace"});
            properties["MetricName"] = json!(emf.name);
            properties["Dimensions"] = dimensions(*instrument, None)?;
            properties["Period"] = json!(period_s);
            let field = if statistic.starts_with('p') { "ExtendedStatistic" } else { "Statistic" };
            properties[field] = json!(statistic);
            properties["Threshold"] = limit;
        }
        Watch::Share(part, whole, least) => {
            let expression = format!("IF(whole >= {least}, 100 * FILL(part, 0) / whole, 0)");
            properties["Metrics"] = json!([
                {"Id": "share", "Expression": expression, "Label": "per cent", "ReturnData": true},
                metric("part", *part, None, "Sum", *period_s)?,
                metric("whole", *whole, None, "Sum", *period_s)?,
            ]);
            properties["Threshold"] = limit;
        }
        Watch::Sums(picked) => {
            let ids: Vec<_> = (0..picked.len()).map(|at| format!("FILL(m{at}, 0)")).collect();
            let mut metrics =
                vec![json!({"Id": "all", "Expression": ids.join(" + "), "Label": "all", "ReturnData": true})];
            for (at, ((instrument, dimension), statistic)) in picked.iter().enumerate() {
                metrics.push(metric(&format!("m{at}"), instrument(), *dimension, statistic, *period_s)?);
            }
            properties["Metrics"] = json!(metrics);
            properties["Threshold"] = limit;
        }
        Watch::Unusual(instrument) => {
            let mut cost = metric("value", *instrument, None, "Sum", *period_s)?;
            cost["ReturnData"] = json!(true);
            let band = format!("ANOMALY_DETECTION_BAND(value, ${{{}}})", threshold(alarm));
            properties["Metrics"] = json!([
                cost,
                {"Id": "band", "Expression": {"Fn::Sub": band}, "Label": "usual", "ReturnData": true},
            ]);
            properties["ThresholdMetricId"] = json!("band");
        }
    }
    Ok(json!({"Type": "AWS::CloudWatch::Alarm", "Properties": properties}))
}

fn metric(
    id: &str,
    instrument: Instrument,
    dimension: Option<(&str, &str)>,
    statistic: &str,
    period_s: u32,
) -> anyhow::Result<Value> {
    let emf = series::emf(instrument)?;
    Ok(json!({
        "Id": id,
        "ReturnData": false,
        "MetricStat": {
            "Metric": {
                "Namespace": {"Ref": "Namespace"},
                "MetricName": emf.name,
                "Dimensions": dimensions(instrument, dimension)?,
            },
            "Period": period_s,
            "Stat": statistic,
        },
    }))
}

/// The dimensions of one of the sets in which the metric goes to CloudWatch.
fn dimensions(instrument: Instrument, picked: Option<(&str, &str)>) -> anyhow::Result<Value> {
    let emf = series::emf(instrument)?;
    let wanted: Vec<_> = picked.iter().map(|it| it.0).collect();
    anyhow::ensure!(
        emf.dimensions.iter().any(|it| *it == wanted),
        "{} does not go to CloudWatch with the dimensions {wanted:?}",
        emf.name
    );
    let mut all = vec![json!({"Name": "Environment", "Value": {"Ref": "Environment"}})];
    if let Some((label, value)) = picked {
        all.push(json!({"Name": series::dimension(label)?, "Value": value}));
    }
    Ok(json!(all))
}
