//! Flags and environment.

use anyhow::Context as _;
use outcrop_emulator::{Batches, EmulatorConfig, FaultKind, FaultRule, Faults};
use std::time::Duration;

/// A local Amazon Bedrock: point an AWS SDK's endpoint URL at it, with any credentials.
#[derive(Debug, clap::Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) serve: Serve,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else it does beside serving.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask a running emulator whether it is well; exit code 0 if so.
    Healthcheck,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address to listen on.
    #[arg(long, env = "OUTCROP_EMULATOR_HOST", default_value = "127.0.0.1", global = true)]
    pub(crate) host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, env = "OUTCROP_EMULATOR_PORT", default_value_t = 8090, global = true)]
    pub(crate) port: u16,
    /// Threads that serve requests.
    #[arg(long, env = "OUTCROP_EMULATOR_WORKERS", default_value_t = 2)]
    workers: usize,
    /// Answer chats with the Ollama server at this URL.
    #[arg(long, env = "OUTCROP_EMULATOR_OLLAMA", value_name = "URL")]
    ollama: Option<String>,
    /// Ollama's model; without it, the first it lists.
    #[arg(long, env = "OUTCROP_EMULATOR_OLLAMA_MODEL", value_name = "NAME")]
    ollama_model: Option<String>,
    /// Its region: that of its ARNs, and of requests that name none.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    region: String,
    /// Milliseconds before the first byte of every answer.
    #[arg(long, env = "OUTCROP_EMULATOR_LATENCY_MS", default_value_t = 0)]
    latency_ms: u64,
    /// Speed of answers; 0 is as fast as possible.
    #[arg(long, env = "OUTCROP_EMULATOR_TOKENS_PER_SECOND", default_value_t = 0.0)]
    tokens_per_second: f64,
    /// What goes wrong and how often: `throttling=0.05` strikes a share, `internalServer=3x` the next three,
    /// `cut@20=0.01` after twenty events of a stream. May be given more than once.
    #[arg(
        long,
        env = "OUTCROP_EMULATOR_FAULT",
        value_name = "KIND[@EVENTS]=SHARE|Nx",
        value_delimiter = ','
    )]
    fault: Vec<String>,
    /// Seed of the shares.
    #[arg(long, env = "OUTCROP_EMULATOR_FAULT_SEED", default_value_t = 0)]
    fault_seed: u64,
    /// Fewest records of a batch job, which reads and writes S3 as the AWS environment has it.
    #[arg(long, env = "OUTCROP_EMULATOR_BATCH_MINIMUM", default_value_t = 100)]
    batch_minimum: u64,
    /// Milliseconds that a batch job is submitted, and then again validated.
    #[arg(long, env = "OUTCROP_EMULATOR_BATCH_STEP_MS", default_value_t = 0)]
    batch_step_ms: u64,
    /// Milliseconds that each record of a batch job takes.
    #[arg(long, env = "OUTCROP_EMULATOR_BATCH_RECORD_MS", default_value_t = 0)]
    batch_record_ms: u64,
    /// Seconds that open answers may go on after a signal.
    #[arg(long, env = "OUTCROP_EMULATOR_SHUTDOWN_SECONDS", default_value_t = 5)]
    shutdown_seconds: u64,
}

impl Serve {
    /// The library's configuration.
    pub(crate) fn config(self) -> anyhow::Result<EmulatorConfig> {
        let rules = self.fault.iter().map(|it| rule(it)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(EmulatorConfig {
            host: self.host,
            port: self.port,
            workers: self.workers,
            ollama: self.ollama,
            ollama_model: self.ollama_model,
            region: self.region,
            batches: Batches {
                minimum_records: self.batch_minimum,
                step_ms: self.batch_step_ms,
                record_ms: self.batch_record_ms,
                ..Batches::default()
            },
            shutdown_timeout: Duration::from_secs(self.shutdown_seconds),
            faults: Faults {
                latency_ms: self.latency_ms,
                tokens_per_second: self.tokens_per_second,
                seed: self.fault_seed,
                rules,
            },
            ..EmulatorConfig::default()
        })
    }
}

/// `KIND[@EVENTS]=SHARE|Nx`
fn rule(text: &str) -> anyhow::Result<FaultRule> {
    let (what, often) =
        text.split_once('=').with_context(|| format!("--fault {text}: expected KIND=SHARE or KIND=Nx"))?;
    let (kind, events) = what.split_once('@').unwrap_or((what, "0"));
    let kind: FaultKind = serde_json::from_value(serde_json::Value::String(kind.to_owned()))
        .with_context(|| format!("--fault {text}: unknown kind"))?;
    let events = events.parse().with_context(|| format!("--fault {text}: EVENTS is not a number"))?;
    let rule = match often.strip_suffix('x') {
        Some(count) => FaultRule::next(
            kind,
            count.parse().with_context(|| format!("--fault {text}: N is not a number"))?,
        ),
        None => {
            let share: f64 =
                often.parse().with_context(|| format!("--fault {text}: SHARE is not a number"))?;
            anyhow::ensure!((0.0..=1.0).contains(&share), "--fault {text}: SHARE lies between 0 and 1");
            FaultRule::share(kind, share)
        }
    };
    Ok(rule.after_events(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_from_flags() {
        assert_eq!(rule("throttling=0.05").ok(), Some(FaultRule::share(FaultKind::Throttling, 0.05)));
        assert_eq!(rule("internalServer=3x").ok(), Some(FaultRule::next(FaultKind::InternalServer, 3)));
        assert_eq!(rule("cut@20=1").ok(), Some(FaultRule::share(FaultKind::Cut, 1.0).after_events(20)));
        for wrong in ["throttling", "boredom=1", "cut@x=1", "cut=2", "cut=yx"] {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }
}
