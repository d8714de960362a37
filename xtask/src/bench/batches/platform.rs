//! The platform apart, job worker included.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use outcrop_testkit::{Process, free_port};

use super::client;
use crate::bench::machine;
use crate::bench::subject::{Emulator, SECRET, Servers, key_in, settings, wait_until_ready};

/// What runs, and how it is reached.
pub(super) struct Platform {
    pub(super) gateway_port: u16,
    pub(super) key: String,
    gateway: Process,
    jobs: Process,
    _others: Vec<Process>,
}

impl Platform {
    /// The job worker's process.
    pub(super) fn jobs(&self) -> u32 {
        self.jobs.id()
    }

    /// Lets peaks begin anew.
    pub(super) fn forget_peaks(&self) {
        self.pids().into_iter().for_each(machine::forget_peak);
    }

    /// Of the gateway and the job worker, MiB.
    pub(super) fn peaks_mib(&self) -> [f64; 2] {
        self.pids().map(machine::peak_mib)
    }

    /// Of the gateway and the job worker, MiB.
    pub(super) fn rss_mib(&self) -> [f64; 2] {
        self.pids().map(machine::rss_mib)
    }

    fn pids(&self) -> [u32; 2] {
        [self.gateway.id(), self.jobs.id()]
    }
}

/// Starts it, on the core of the system under test.
pub(super) async fn start(
    binaries: &Path,
    folder: &Path,
    emulator: &Emulator,
    servers: &Servers,
    options: &super::Options,
) -> anyhow::Result<Platform> {
    let [gateway, auth, inference, jobs] = [free_port()?, free_port()?, free_port()?, free_port()?];
    client::make_queue(&servers.moto.endpoint(), "outcrop-bench").await?;
    client::make_bucket(&servers.moto.endpoint(), "outcrop-bench").await?;
    let blobs = if options.s3 {
        "s3://outcrop-bench/files".to_owned()
    } else {
        format!("file://{}", folder.join("blobs").display())
    };
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    let common = |command: &mut Command, port: u16, name: &str| {
        settings(command, port, emulator);
        command
            .env("OUTCROP__DATA_DIR", folder.join(name))
            .env("OUTCROP__STORE__URL", servers.postgres.url())
            .env("OUTCROP__CACHE__URL", servers.redis.url())
            .env("OUTCROP__QUEUE__URL", "sqs://outcrop-bench")
            .env("OUTCROP__BLOBS__URL", &blobs)
            .env("OUTCROP__AUTH__KEY_SECRET", SECRET)
            .env("OUTCROP__INTERNAL__SECRET", SECRET)
            .env("OUTCROP__SERVICES__AUTH", at(auth))
            .env("OUTCROP__SERVICES__INFERENCE", at(inference))
            .env("OUTCROP__SERVICES__JOBS", at(jobs))
            .env("OUTCROP__BATCHES__LINES_AT_ONCE", options.at_once.to_string())
            // A batch's window would let it wait for what is cheaper.
            .env("OUTCROP__WAYS__ALLOWED", "on_demand")
            .env("AWS_ENDPOINT_URL", servers.moto.endpoint());
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
    let key = key_in(&admin(&["keys", "create", "--name", "bench"])?).context("no key was printed")?;
    let start = |program: &str, port: u16| -> anyhow::Result<Process> {
        let mut command = machine::on_subject_core(&binaries.join(program));
        common(&mut command, port, program);
        Process::start(program, &mut command, &folder.join(format!("{program}.log")))
    };
    let others = vec![start("outcrop-auth", auth)?, start("outcrop-inference", inference)?];
    let platform = Platform {
        gateway_port: gateway,
        key,
        gateway: start("outcrop-gateway", gateway)?,
        jobs: start("outcrop-job-worker", jobs)?,
        _others: others,
    };
    for port in [auth, inference, jobs, gateway] {
        wait_until_ready(port)?;
    }
    Ok(platform)
}
