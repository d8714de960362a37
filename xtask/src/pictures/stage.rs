//! The platform of the pictures.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use outcrop_testkit::{Process, Tools, free_port};

use crate::bench::batches::client;
use crate::bench::subject::{SECRET, Servers, key_in, wait_until_ready};

/// Everything that runs; ends when dropped.
pub(super) struct Stage {
    /// Where clients ask.
    pub(super) gateway: u16,
    /// Keys of the teams that ask.
    pub(super) keys: Vec<String>,
    /// Where metrics are, by service.
    pub(super) metrics: Vec<(&'static str, u16)>,
    _processes: Vec<Process>,
    _servers: Servers,
}

const SERVICES: [&str; 4] = ["outcrop-auth", "outcrop-inference", "outcrop-job-worker", "outcrop-gateway"];

impl Stage {
    pub(super) async fn start(
        tools: &Tools,
        binaries: &Path,
        folder: &Path,
        collector: &str,
    ) -> anyhow::Result<Self> {
        let servers = Servers::start(tools, folder)?;
        client::make_queue(&servers.moto.endpoint(), "outcrop-pictures").await?;
        client::make_bucket(&servers.moto.endpoint(), "outcrop-pictures").await?;
        let emulator = free_port()?;
        let mut command = Command::new(binaries.join("outcrop-bedrock-emulator"));
        command.args(["--port", &emulator.to_string(), "--latency-ms", "120", "--tokens-per-second", "400"]);
        command.args(["--fault", "throttling=0.06,internalServer=0.01"]);
        let mut process = Process::start("emulator", &mut command, &folder.join("emulator.log"))?;
        process.wait_for_port(emulator, Duration::from_secs(10))?;
        let mut processes = vec![process];
        let ports = [free_port()?, free_port()?, free_port()?, free_port()?];
        let page = free_port()?;
        let common = |command: &mut Command, port: u16, name: &str| {
            command
                .env("OUTCROP__SERVER__PORT", port.to_string())
                .env("OUTCROP__DATA_DIR", folder.join(name))
                .env("OUTCROP__MODELS__URL", "bedrock://us-east-1,us-west-2")
                .env("OUTCROP__STORE__URL", servers.postgres.url())
                .env("OUTCROP__CACHE__URL", servers.redis.url())
                .env("OUTCROP__QUEUE__URL", "sqs://outcrop-pictures")
                .env("OUTCROP__BLOBS__URL", "s3://outcrop-pictures/files")
                .env("OUTCROP__AUTH__KEY_SECRET", SECRET)
                .env("OUTCROP__INTERNAL__SECRET", SECRET)
                .env("OUTCROP__SERVICES__AUTH", format!("http://127.0.0.1:{}", ports[0]))
                .env("OUTCROP__SERVICES__INFERENCE", format!("http://127.0.0.1:{}", ports[1]))
                .env("OUTCROP__SERVICES__JOBS", format!("http://127.0.0.1:{}", ports[2]))
                .env("OUTCROP__TELEMETRY__OTLP_ENDPOINT", collector)
                .env("OUTCROP__TRACES__SAMPLE_PERCENT", "10")
                .env("AWS_ENDPOINT_URL", servers.moto.endpoint())
                .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", format!("http://127.0.0.1:{emulator}"))
                .env("AWS_ACCESS_KEY_ID", "local")
                .env("AWS_SECRET_ACCESS_KEY", "local")
                .env("AWS_REGION", "us-east-1");
        };
        let admin = |arguments: &[&str]| -> anyhow::Result<String> {
            let mut command = Command::new(binaries.join("outcrop"));
            common(&mut command, 0, "admin");
            let out = command.args(arguments).output()?;
            if !out.status.success() {
                bail!("outcrop {arguments:?} failed: {}", String::from_utf8_lossy(&out.stderr));
            }
            Ok(String::from_utf8_lossy(&out.stdout).into_owned())
        };
        admin(&["migrate"])?;
        let mut keys = vec![key_in(&admin(&["keys", "create", "--name", "a"])?).context("no key")?];
        let team = admin(&["teams", "create", "research"])?;
        keys.push(
            key_in(&admin(&["keys", "create", "--name", "b", "--team", team.trim()])?).context("no key")?,
        );
        for (program, port) in SERVICES.into_iter().zip(ports) {
            let mut command = Command::new(binaries.join(program));
            common(&mut command, port, program);
            if program == "outcrop-gateway" {
                command.env("OUTCROP__METRICS__LISTEN", format!("127.0.0.1:{page}"));
            }
            processes.push(Process::start(program, &mut command, &folder.join(format!("{program}.log")))?);
        }
        for port in ports {
            wait_until_ready(port)?;
        }
        let metrics = SERVICES.into_iter().zip([ports[0], ports[1], ports[2], page]).collect();
        Ok(Self { gateway: ports[3], keys, metrics, _processes: processes, _servers: servers })
    }
}
