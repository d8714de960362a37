//! The panels of a Grafana dashboard, with their variables filled in.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::chart::Chart;
use super::prometheus::Prometheus;
use crate::paths;

/// Rates are taken over this, as Grafana would at such a scrape interval.
const RATE: &str = "15s";

/// The dashboard's title, and what its panels show.
pub(super) async fn charts(
    uid: &str,
    prometheus: &Prometheus,
    length: Duration,
) -> anyhow::Result<(String, Vec<Chart>)> {
    let file = paths::root().join(format!("deploy/observability/grafana/dashboards/{uid}.json"));
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let title = dashboard["title"].as_str().context("a dashboard has a title")?.to_owned();
    let mut charts = Vec::new();
    for panel in dashboard["panels"].as_array().into_iter().flatten() {
        let Some(targets) = panel["targets"].as_array().filter(|it| !it.is_empty()) else { continue };
        let mut series = Vec::new();
        for target in targets {
            let expr = filled(target["expr"].as_str().unwrap_or_default(), &dashboard, length);
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            series.extend(prometheus.series(&expr, legend, length).await?);
        }
        charts.push(Chart {
            title: panel["title"].as_str().unwrap_or_default().to_owned(),
            unit: panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap_or("short").to_owned(),
            series,
        });
    }
    // What this run does not have (prices, guardrails) would be empty frames.
    charts.retain(|it| !it.series.is_empty());
    Ok((title, charts))
}

/// An expression with all in the place of each variable, and its own value where it is a number.
fn filled(expr: &str, dashboard: &Value, length: Duration) -> String {
    let mut expr = expr
        .replace("$__rate_interval", RATE)
        .replace("$__interval", RATE)
        .replace("$__range", &format!("{}s", length.as_secs()));
    for variable in dashboard["templating"]["list"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap_or_default();
        let value = match variable["type"].as_str() {
            Some("textbox" | "constant") => variable["query"].as_str().unwrap_or_default(),
            _ => ".*",
        };
        expr = expr.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    expr
}
