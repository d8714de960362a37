//! A Prometheus that asks one process, with the rules at another scale.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use outcrop_testkit::{Process, Tools, free_port};
use serde_json::{Value, json};

use crate::observability::alarms::{self, Scale};
use crate::observability::{rules, yaml};

/// How often it asks, and how often alarms are looked at here.
const STEP: Duration = Duration::from_millis(250);

pub(super) struct Prometheus {
    _process: Process,
    port: u16,
    client: reqwest::Client,
}

impl Prometheus {
    /// Starts one that asks for metrics at this port of this machine.
    pub(super) fn start(tools: &Tools, folder: &Path, metrics: u16, scale: Scale) -> anyhow::Result<Self> {
        std::fs::write(folder.join("rules.yml"), rules::rules(&alarms::all(), scale))?;
        let config = json!({
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "250ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{
                "job_name": "outcrop",
                "static_configs": [{"targets": [format!("127.0.0.1:{metrics}")]}],
            }],
        });
        std::fs::write(folder.join("prometheus.yml"), yaml::document(&config))?;
        let port = free_port()?;
        let mut command = Command::new(tools.promtool.with_file_name("prometheus"));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()));
        // A series that is gone is gone for alarms as soon as at scale.
        command.arg("--query.lookback-delta=5s");
        let mut process = Process::start("prometheus", &mut command, &folder.join("prometheus.log"))?;
        process.wait_for_port(port, Duration::from_secs(20))?;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { _process: process, port, client })
    }

    /// Whether it answers questions yet: it listens before it can.
    pub(super) async fn is_ready(&self) -> bool {
        let url = format!("http://127.0.0.1:{}/-/ready", self.port);
        self.client.get(url).send().await.is_ok_and(|it| it.status().is_success())
    }

    /// Which alarms fire now.
    pub(super) async fn firing(&self) -> anyhow::Result<Vec<String>> {
        let answer: Value = self.ask("alerts", &[]).await?;
        let alerts = answer["data"]["alerts"].as_array().context("Prometheus lists no alerts")?;
        let firing = alerts.iter().filter(|it| it["state"] == "firing");
        Ok(firing.filter_map(|it| it["labels"]["alertname"].as_str().map(str::to_owned)).collect())
    }

    /// The value of an expression; `None` if it has none.
    pub(super) async fn value(&self, expr: &str) -> anyhow::Result<Option<f64>> {
        let answer: Value = self.ask("query", &[("query", expr)]).await?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        Ok(value.map(str::parse).transpose()?)
    }

    async fn ask(&self, what: &str, query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let url =
            reqwest::Url::parse_with_params(&format!("http://127.0.0.1:{}/api/v1/{what}", self.port), query)?;
        let text = self.client.get(url).send().await?.text().await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until each of these fires, or none does; how long each took since `began`.
    pub(super) async fn until(
        &self,
        names: &[&str],
        fire: bool,
        began: Instant,
        patience: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut times = vec![None; names.len()];
        while times.contains(&None) {
            let firing = self.firing().await?;
            for (name, time) in names.iter().zip(&mut times) {
                if time.is_none() && firing.iter().any(|it| it == name) == fire {
                    *time = Some(began.elapsed());
                }
            }
            if began.elapsed() > patience {
                let late = names.iter().zip(&times).filter(|it| it.1.is_none()).map(|it| *it.0);
                let late: Vec<_> = late.collect();
                bail!(
                    "{} {} after {} s",
                    late.join(", "),
                    if fire { "did not fire" } else { "was not over" },
                    patience.as_secs()
                );
            }
            tokio::time::sleep(STEP).await;
        }
        Ok(times.into_iter().flatten().collect())
    }
}
