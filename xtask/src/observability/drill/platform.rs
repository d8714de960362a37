//! The platform of a drill.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use outcrop_testkit::{Moto, Postgres, Process, Redis, Tools, free_port};
use serde_json::Value;
use tempfile::TempDir;

use super::prometheus::Prometheus;
use super::traffic::Traffic;
use crate::bench::subject::{key_in, wait_until_ready};
use crate::observability::alarms::Scale;
use crate::paths;

/// What a story needs besides the process, the emulator and Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    Redis,
    /// Postgres, and a local AWS for queue and blobs.
    Postgres,
    /// A collector that is not there yet.
    Collector,
    /// Leases so short that a drill can wait for their end, and one attempt.
    ShortLeases,
    /// One place for jobs, so that others wait.
    OnePlace,
}

/// A running platform; all of it ends when dropped.
pub(super) struct Platform {
    pub(super) prometheus: Prometheus,
    pub(super) traffic: Traffic,
    pub(super) key: String,
    pub(super) port: u16,
    pub(super) collector: u16,
    pub(super) redis: Option<Redis>,
    pub(super) postgres: Option<Postgres>,
    outcrop: Option<Process>,
    emulator: u16,
    client: reqwest::Client,
    settings: Vec<(String, String)>,
    _others: (Process, Option<Moto>),
    folder: TempDir,
}

impl Platform {
    /// Starts all of it, with a client that asks five times a second.
    pub(super) async fn start(tools: &Tools, needs: Needs, scale: Scale) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("outcrop-drill-").tempdir()?;
        let at = folder.path();
        let (port, metrics, emulator, collector) = (free_port()?, free_port()?, free_port()?, free_port()?);
        let mut command = Command::new(paths::binaries("debug").join("outcrop-bedrock-emulator"));
        command.args(["--port", &emulator.to_string()]);
        let mut bedrock = Process::start("emulator", &mut command, &at.join("emulator.log"))?;
        bedrock.wait_for_port(emulator, Duration::from_secs(20))?;
        let redis = (needs == Needs::Redis).then(|| Redis::start(tools, at)).transpose()?;
        let postgres = (needs == Needs::Postgres).then(|| Postgres::start(tools, at)).transpose()?;
        let moto = (needs == Needs::Postgres).then(|| Moto::start(tools, at)).transpose()?;
        if let Some(moto) = &moto {
            make_queue_and_bucket(tools, &moto.endpoint())?;
        }
        let mut settings = settings(port, metrics, emulator);
        settings.extend(besides(needs, collector));
        let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
        if let Some(redis) = &redis {
            set("OUTCROP__CACHE__URL", redis.url());
        }
        if let (Some(postgres), Some(moto)) = (&postgres, &moto) {
            set("OUTCROP__STORE__URL", postgres.url());
            set("AWS_ENDPOINT_URL", moto.endpoint());
        }
        let mut outcrop = None;
        launch(&mut outcrop, &settings, &folder, port)?;
        let printed = std::fs::read_to_string(at.join("outcrop.log"))?;
        let key = key_in(&printed).context("the first start printed no key")?;
        Ok(Self {
            prometheus: Prometheus::start(tools, at, metrics, scale)?,
            traffic: Traffic::start(port, &key, 200)?,
            client: reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?,
            _others: (bedrock, moto),
            key,
            port,
            collector,
            redis,
            postgres,
            outcrop,
            emulator,
            settings,
            folder,
        })
    }

    /// Lets it run until Prometheus knows it, and none of these fires.
    pub(super) async fn quiet(&self, alarms: &[&str]) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.prometheus.is_ready().await {
            ensure!(began.elapsed() < Duration::from_secs(60), "Prometheus is not ready after a minute");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        loop {
            let answered = self.prometheus.value("sum(outcrop_requests_total) > 20").await?.is_some();
            let firing = self.prometheus.firing().await?;
            let early = firing.iter().any(|it| alarms.contains(&it.as_str()));
            if answered && !early {
                return Ok(());
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "not quiet after a minute: {firing:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Has the emulator do this wrong from now on; `{}` for nothing.
    pub(super) async fn faults(&self, faults: &Value) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{}/_emulator/faults", self.emulator);
        let answer = self.client.post(url).body(faults.to_string()).send().await?;
        ensure!(answer.status().is_success(), "the emulator refuses {faults}");
        Ok(())
    }

    /// Posts to the platform, and returns what it answers.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.client.post(url).bearer_auth(&self.key).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs a command of `outcrop` on the same data.
    pub(super) fn command(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let out = outcrop(&self.settings, &self.folder)
            .env("OUTCROP_URL", format!("http://127.0.0.1:{}", self.port))
            .env("OUTCROP_API_KEY", &self.key)
            .args(arguments)
            .output()?;
        if !out.status.success() {
            bail!("outcrop {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        }
        Ok(())
    }

    /// Ends the process at once, as a crash does.
    pub(super) fn kill(&mut self) {
        self.outcrop = None;
    }

    /// Starts it again.
    pub(super) fn start_again(&mut self) -> anyhow::Result<()> {
        launch(&mut self.outcrop, &self.settings, &self.folder, self.port)
    }
}

fn settings(port: u16, metrics: u16, emulator: u16) -> Vec<(String, String)> {
    let bedrock = format!("http://127.0.0.1:{emulator}");
    [
        ("OUTCROP__SERVER__PORT", port.to_string()),
        ("OUTCROP__SERVER__WORKERS", "2".into()),
        ("OUTCROP__METRICS__LISTEN", format!("127.0.0.1:{metrics}")),
        ("OUTCROP__METRICS__INTERVAL_S", "1".into()),
        ("OUTCROP__TELEMETRY__ENVIRONMENT", "drill".into()),
        ("OUTCROP__ALERTS__INTERVAL_S", "1".into()),
        ("OUTCROP__MODELS__URL", "bedrock://us-east-1".into()),
        ("OUTCROP__LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "1000000".into()),
        ("AWS_ENDPOINT_URL_BEDROCK", bedrock.clone()),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", bedrock),
        ("AWS_ACCESS_KEY_ID", "local".into()),
        ("AWS_SECRET_ACCESS_KEY", "local".into()),
        ("AWS_REGION", "us-east-1".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// What a story needs to be set besides, apart from addresses of servers.
fn besides(needs: Needs, collector: u16) -> Vec<(String, String)> {
    let set: Vec<(&str, String)> = match needs {
        Needs::Nothing | Needs::Redis => Vec::new(),
        Needs::Postgres => vec![
            ("OUTCROP__AUTH__KEY_SECRET", "a secret that is for drills, and for nothing else".into()),
            ("OUTCROP__QUEUE__URL", "sqs://outcrop-drill".into()),
            ("OUTCROP__BLOBS__URL", "s3://outcrop-drill/files".into()),
        ],
        Needs::Collector => {
            vec![("OUTCROP__TELEMETRY__OTLP_ENDPOINT", format!("http://127.0.0.1:{collector}"))]
        }
        Needs::ShortLeases => vec![
            ("OUTCROP__JOBS__LEASE_MS", "2000".into()),
            ("OUTCROP__JOBS__SWEEP_MS", "1000".into()),
            ("OUTCROP__JOBS__MAX_ATTEMPTS", "1".into()),
        ],
        Needs::OnePlace => vec![("OUTCROP__JOBS__MAX_RUNNING_PER_TEAM", "1".into())],
    };
    set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn outcrop(settings: &[(String, String)], folder: &TempDir) -> Command {
    let mut command = Command::new(paths::binaries("debug").join("outcrop"));
    command.arg("--data-dir").arg(folder.path().join("data"));
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// Starts the process, and waits until it answers.
fn launch(
    at: &mut Option<Process>,
    settings: &[(String, String)],
    folder: &TempDir,
    port: u16,
) -> anyhow::Result<()> {
    let log = folder.path().join("outcrop.log");
    let process = at.insert(Process::start("outcrop", &mut outcrop(settings, folder), &log)?);
    if let Err(error) = process.wait_for_port(port, Duration::from_secs(20)) {
        // Why it ended is in its last line.
        let said = std::fs::read_to_string(&log)?;
        bail!("{error:#}: {}", said.lines().last().unwrap_or_default());
    }
    wait_until_ready(port)
}

fn make_queue_and_bucket(tools: &Tools, endpoint: &str) -> anyhow::Result<()> {
    let program = "import boto3; boto3.client('s3').create_bucket(Bucket='outcrop-drill'); \
                   boto3.client('sqs').create_queue(QueueName='outcrop-drill')";
    let mut command = Command::new(&tools.python);
    command.args(["-c", program]).env("AWS_ENDPOINT_URL", endpoint);
    command.envs([
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ]);
    paths::check(&mut command)
}
