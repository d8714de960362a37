//! A Prometheus of our own, and what it is asked.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use outcrop_testkit::{Process, free_port};

use super::chart::Series;

/// A running Prometheus; ends when dropped.
pub(super) struct Prometheus {
    url: String,
    http: reqwest::Client,
    _process: Process,
}

impl Prometheus {
    /// Scrapes these services each second.
    pub(super) fn start(folder: &Path, metrics: &[(&str, u16)]) -> anyhow::Result<Self> {
        let mut config = "global:\n  scrape_interval: 1s\nscrape_configs:\n".to_owned();
        for (name, port) in metrics {
            write!(
                config,
                "  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
            )?;
        }
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config)?;
        let port = free_port()?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start("prometheus", &mut command, &folder.join("prometheus.log"))
            .context("Prometheus is needed: on Debian the package `prometheus`")?;
        process.wait_for_port(port, Duration::from_secs(20))?;
        let url = format!("http://127.0.0.1:{port}/api/v1/query_range");
        Ok(Self { url, http: super::http()?, _process: process })
    }

    /// The series of an expression over the last `length`, each labelled as `legend` says.
    pub(super) async fn series(
        &self,
        expr: &str,
        legend: &str,
        length: Duration,
    ) -> anyhow::Result<Vec<Series>> {
        #[expect(clippy::disallowed_methods, reason = "Prometheus' own time, which is the wall clock's")]
        let end = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs_f64();
        let start = end - length.as_secs_f64();
        let (start_text, end_text) = (start.to_string(), end.to_string());
        let asked = [("query", expr), ("start", &start_text), ("end", &end_text), ("step", "2")];
        let url = reqwest::Url::parse_with_params(&self.url, asked)?;
        let answer = self.http.get(url).send().await?;
        let answer: serde_json::Value = answer.json().await?;
        ensure!(answer["status"] == "success", "{expr}: {answer}");
        let found = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        Ok(found.iter().map(|it| series(it, legend, start)).filter(|it| !it.points.is_empty()).collect())
    }
}

fn series(found: &serde_json::Value, legend: &str, start: f64) -> Series {
    let mut label = legend.to_owned();
    for (name, value) in found["metric"].as_object().into_iter().flatten() {
        label = label.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap_or_default());
    }
    let points = found["values"].as_array().into_iter().flatten().filter_map(|point| {
        let value: f64 = point[1].as_str()?.parse().ok()?;
        value.is_finite().then(|| (point[0].as_f64().unwrap_or(start) - start, value))
    });
    Series { label, points: points.collect() }
}
