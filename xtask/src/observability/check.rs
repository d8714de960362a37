//! Holds what is written under `deploy/observability` and in the runbooks against the table of instruments.
//!
//! A metric, a label or a dimension that the table does not have is an error, whoever wrote it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use outcrop_telemetry::names::INSTRUMENTS;
use serde_json::Value;

use super::promql::{self, Mentions};
use super::series::{INSTANCE, JOB, UP};
use crate::paths;

/// Labels that an expression may make for itself.
const OWN_LABELS: [&str; 1] = ["day"];
/// What Prometheus itself adds.
const SCRAPED: [&str; 2] = [INSTANCE, JOB];

/// Checks every dashboard, rule, template and runbook.
pub(super) fn names() -> anyhow::Result<()> {
    let folder = super::folder();
    for path in below(&folder.join("grafana/dashboards"), "json")? {
        let text = std::fs::read_to_string(&path)?;
        dashboard(&serde_json::from_str(&text)?).with_context(|| path.display().to_string())?;
    }
    rules(&std::fs::read_to_string(folder.join("prometheus/rules.yml"))?).context("rules.yml")?;
    template(&std::fs::read_to_string(folder.join("cloudwatch/outcrop.yaml"))?).context("outcrop.yaml")?;
    runbooks()
}

/// Files of a folder whose names end so.
fn below(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|it| Ok(it?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|it| it.extension().is_some_and(|it| it == extension));
    files.sort();
    ensure!(!files.is_empty(), "nothing is in {}", folder.display());
    Ok(files)
}

/// Every expression and legend of a dashboard, and every list of values of a variable.
pub(super) fn dashboard(value: &Value) -> anyhow::Result<()> {
    let panels = value["panels"].as_array().context("a dashboard has panels")?;
    for panel in panels.iter().filter(|it| it["type"] != "row") {
        let title = panel["title"].as_str().context("a panel has a title")?;
        ensure!(panel["description"].as_str().is_some_and(|it| !it.is_empty()), "{title}: no description");
        let targets = panel["targets"].as_array().context("a panel has targets")?;
        ensure!(!targets.is_empty(), "{title}: nothing is drawn");
        for target in targets {
            let expr = target["expr"].as_str().context("a target has an expression")?;
            let known = expression(expr).with_context(|| title.to_owned())?;
            for label in promql::legend(target["legendFormat"].as_str().unwrap_or_default()) {
                ensure!(known.contains(&label), "{title}: no label {label} in {expr}");
            }
        }
    }
    for variable in value["templating"]["list"].as_array().into_iter().flatten() {
        if let Some(query) = variable["query"]["query"].as_str() {
            values(query)?;
        }
    }
    Ok(())
}

/// `label_values(metric, label)`.
fn values(query: &str) -> anyhow::Result<()> {
    let inner = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')'));
    let (metric, label) = inner.and_then(|it| it.split_once(", ")).context("a list of values of a label")?;
    ensure!(labels(metric)?.contains(label), "{metric} has no label {label}");
    Ok(())
}

/// Every expression of rules, as `yaml` writes them: on a line of its own.
pub(super) fn rules(text: &str) -> anyhow::Result<()> {
    let lines = text.lines().filter_map(|it| it.trim_start_matches([' ', '-']).strip_prefix("expr: "));
    let mut count = 0;
    for line in lines {
        expression(&serde_json::from_str::<String>(line)?)?;
        count += 1;
    }
    ensure!(count > 0, "no expressions");
    Ok(())
}

/// Every metric that alarms name, and every one in the dashboard's body.
fn template(text: &str) -> anyhow::Result<()> {
    let known: BTreeSet<_> = INSTRUMENTS.iter().filter_map(|it| it.spec.emf).map(|it| it.name).collect();
    let mut count = 0;
    for line in text.lines().map(|it| it.trim_start_matches([' ', '-'])) {
        if let Some(name) = line.strip_prefix("MetricName: ") {
            let name: String = serde_json::from_str(name)?;
            ensure!(known.contains(name.as_str()), "no metric {name} goes to CloudWatch");
            count += 1;
        }
        // The body is JSON in a text.
        for part in line.split("MetricName=\\\\\\\"").skip(1) {
            let name = part.split('\\').next().unwrap_or_default();
            ensure!(known.contains(name), "no metric {name} goes to CloudWatch");
        }
        for part in line.split("[\\\"${Namespace}\\\",\\\"").skip(1) {
            let name = part.split('\\').next().unwrap_or_default();
            ensure!(known.contains(name), "no metric {name} goes to CloudWatch");
            count += 1;
        }
    }
    ensure!(count > 0, "no metrics");
    Ok(())
}

/// Every alarm has its page, with the parts that a page has; what pages ask Prometheus is in the table.
fn runbooks() -> anyhow::Result<()> {
    let folder = paths::root().join("docs/runbooks");
    let index = std::fs::read_to_string(folder.join("README.md"))?;
    for alarm in super::alarms::all() {
        let file = format!("{}.md", alarm.runbook);
        let page = std::fs::read_to_string(folder.join(&file)).with_context(|| format!("no page {file}"))?;
        ensure!(page.starts_with(&format!("# {}\n", alarm.name)), "{file} is not headed {}", alarm.name);
        for part in ["## Meaning", "## First look", "## Remedy", "## Drill"] {
            ensure!(page.contains(&format!("\n{part}\n")), "{file} has no part {part}");
        }
        ensure!(index.contains(&format!("({file})")), "README.md does not name {file}");
    }
    for path in below(&folder, "md")? {
        let page = std::fs::read_to_string(&path)?;
        for block in page.split("```promql\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            for line in block.lines().filter(|it| !it.is_empty() && !it.starts_with('#')) {
                expression(line).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(())
}

/// Every metric and label of an expression is in the table. Returns the labels that its result can have.
pub(super) fn expression(expr: &str) -> anyhow::Result<BTreeSet<String>> {
    let Mentions { selectors, grouping } = promql::mentions(expr);
    ensure!(!selectors.is_empty(), "no metric in {expr}");
    let mut all: BTreeSet<String> = OWN_LABELS.map(str::to_owned).into();
    for (metric, used) in selectors {
        let have = labels(&metric).with_context(|| expr.to_owned())?;
        if let Some(label) = used.iter().find(|it| !have.contains(*it)) {
            bail!("{metric} has no label {label}: {expr}");
        }
        all.extend(have);
    }
    if let Some(label) = grouping.iter().find(|it| !all.contains(*it)) {
        bail!("nothing in it has a label {label}: {expr}");
    }
    Ok(all)
}

/// The labels of a series; an error if there is none of this name.
fn labels(metric: &str) -> anyhow::Result<BTreeSet<String>> {
    let scraped = SCRAPED.map(str::to_owned);
    if metric == UP {
        return Ok(scraped.into());
    }
    let found = INSTRUMENTS.iter().find(|it| it.prometheus_series().iter().any(|name| name == metric));
    let found = found.with_context(|| format!("there is no metric {metric}"))?;
    Ok(found.prometheus_labels().into_iter().chain(scraped).collect())
}
