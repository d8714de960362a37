//! The alarms as a template of CloudFormation, with CloudWatch's dashboard beside them.

use outcrop_telemetry::metric::Instrument;
use serde_json::{Map, Value, json};

use super::alarms::{Alarm, Bad, CloudWatch, Watch};
use super::{cloudwatch_dashboard, series};

/// The services that there can be, what their alarms are called, and the condition under which they are made.
pub(super) const SERVICES: &[(&str, &str, &str)] = &[
    ("outcrop-gateway", "Gateway", "Services"),
    ("outcrop-auth", "Auth", "Services"),
    ("outcrop-inference", "Inference", "Services"),
    ("outcrop-job-worker", "JobWorker", "Services"),
    ("outcrop", "Outcrop", "OneProcess"),
];

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
    parameters.insert(
        "Layout".into(),
        json!({
            "Type": "String",
            "Description": "Whether the platform is four services or one process: what must be heard of.",
            "AllowedValues": ["services", "process"],
            "Default": "services",
        }),
    );
    let mut resources = Map::new();
    for alarm in alarms {
        parameters.insert(threshold(alarm), number(alarm));
        resources.extend(alarm_resources(alarm)?);
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
        "Conditions": {
            "HasTopic": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]},
            "Services": {"Fn::Equals": [{"Ref": "Layout"}, "services"]},
            "OneProcess": {"Fn::Equals": [{"Ref": "Layout"}, "process"]},
        },
        "Resources": resources,
        "Outputs": {"DashboardName": {"Value": {"Ref": "Dashboard"}}},
    }))
}

fn text(description: &str, default: &str) -> Value {
    json!({"Type": "String", "Description": description, "Default": default})
}

fn number(alarm: &Alarm) -> Value {
    let what = match (&alarm.cloudwatch.watch, alarm.cloudwatch.bad) {
        (Watch::Unusual(..), _) => "Width of the band, standard deviations",
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

/// What each alarm of this kind has, whatever it looks at.
fn properties(alarm: &Alarm, name: &str, summary: &str) -> Value {
    let CloudWatch { watch, of, bad, missing_is_bad, .. } = &alarm.cloudwatch;
    let topic = json!({"Fn::If": ["HasTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]});
    json!({
        "AlarmName": {"Fn::Sub": format!("${{Namespace}}-${{Environment}}-{name}")},
        "AlarmDescription": format!("[{}] {summary} Runbook: {}", alarm.severity.name(), alarm.runbook_url()),
        "DatapointsToAlarm": of.0,
        "EvaluationPeriods": of.1,
        "TreatMissingData": if *missing_is_bad { "breaching" } else { "notBreaching" },
        "AlarmActions": topic,
        "OKActions": topic,
        "ComparisonOperator": match (watch, bad) {
            (Watch::Unusual(..), _) => "GreaterThanUpperThreshold",
            (_, Bad::Above) => "GreaterThanThreshold",
            (_, Bad::AtOrAbove) => "GreaterThanOrEqualToThreshold",
            (_, Bad::Below) => "LessThanThreshold",
        },
    })
}

/// The alarm, by the name of its resource; where each service is looked at, one for each.
fn alarm_resources(alarm: &Alarm) -> anyhow::Result<Vec<(String, Value)>> {
    if let Watch::EachService(instrument) = &alarm.cloudwatch.watch {
        return SERVICES.iter().map(|service| of_service(alarm, *instrument, service)).collect();
    }
    let summary = match &alarm.cloudwatch.watch {
        Watch::Unusual(_, summary) => summary,
        _ => alarm.summary,
    };
    let mut properties = properties(alarm, alarm.name, summary);
    look(alarm, &mut properties)?;
    let resource = json!({"Type": "AWS::CloudWatch::Alarm", "Properties": properties});
    Ok(vec![(format!("{}Alarm", alarm.name), resource)])
}

/// The alarm for one service, made if the platform has it.
fn of_service(
    alarm: &Alarm,
    instrument: Instrument,
    (service, part, condition): &(&str, &str, &str),
) -> anyhow::Result<(String, Value)> {
    let summary = format!("{} Nothing was heard of {service} for five minutes.", alarm.summary);
    let mut properties = properties(alarm, &format!("{}-{part}", alarm.name), &summary);
    statistic(
        &mut properties,
        instrument,
        Some((series::SERVICE, service)),
        "SampleCount",
        alarm.cloudwatch.period_s,
    )?;
    properties["Threshold"] = json!({"Ref": threshold(alarm)});
    let resource =
        json!({"Type": "AWS::CloudWatch::Alarm", "Condition": condition, "Properties": properties});
    Ok((format!("{}{part}Alarm", alarm.name), resource))
}

/// What it looks at.
fn look(alarm: &Alarm, properties: &mut Value) -> anyhow::Result<()> {
    let CloudWatch { watch, period_s, .. } = &alarm.cloudwatch;
    match watch {
        Watch::One(instrument, name) => statistic(properties, *instrument, None, name, *period_s)?,
        Watch::EachService(instrument) => {
            statistic(properties, *instrument, None, "SampleCount", *period_s)?;
        }
        Watch::Share((part, only), whole, least) => {
            let expression = format!("IF(whole >= {least}, 100 * FILL(part, 0) / whole, 0)");
            properties["Metrics"] = json!([
                {"Id": "share", "Expression": expression, "Label": "per cent", "ReturnData": true},
                metric("part", part(), *only, "Sum", *period_s)?,
                metric("whole", *whole, None, "Sum", *period_s)?,
            ]);
        }
        Watch::Sums(picked) => {
            let ids: Vec<_> = (0..picked.len()).map(|at| format!("FILL(m{at}, 0)")).collect();
            let mut metrics =
                vec![json!({"Id": "all", "Expression": ids.join(" + "), "Label": "all", "ReturnData": true})];
            for (at, ((instrument, dimension), statistic)) in picked.iter().enumerate() {
                metrics.push(metric(&format!("m{at}"), instrument(), *dimension, statistic, *period_s)?);
            }
            properties["Metrics"] = json!(metrics);
        }
        Watch::Unusual(instrument, _) => {
            let mut value = metric("value", *instrument, None, "Sum", *period_s)?;
            value["ReturnData"] = json!(true);
            let band = format!("ANOMALY_DETECTION_BAND(value, ${{{}}})", threshold(alarm));
            properties["Metrics"] = json!([
                value,
                {"Id": "band", "Expression": {"Fn::Sub": band}, "Label": "usual", "ReturnData": true},
            ]);
            properties["ThresholdMetricId"] = json!("band");
            return Ok(());
        }
    }
    properties["Threshold"] = json!({"Ref": threshold(alarm)});
    Ok(())
}

/// A statistic of one metric.
fn statistic(
    properties: &mut Value,
    instrument: Instrument,
    picked: Option<(&str, &str)>,
    statistic: &str,
    period_s: u32,
) -> anyhow::Result<()> {
    properties["Namespace"] = json!({"Ref": "Namespace"});
    properties["MetricName"] = json!(series::emf(instrument)?.name);
    properties["Dimensions"] = dimensions(instrument, picked)?;
    properties["Period"] = json!(period_s);
    let field = if statistic.starts_with('p') { "ExtendedStatistic" } else { "Statistic" };
    properties[field] = json!(statistic);
    Ok(())
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
