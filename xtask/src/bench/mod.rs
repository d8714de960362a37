//! `cargo xtask bench`: emulator alone, nginx before it, Outcrop in one process, Outcrop apart; one run, one table.
//!
//! On Linux the system under test is pinned to the last core and everything else to the first, so that "CPU per
//! answer" and "answers a second of one core" mean what they say. Authentication, limits and metering are on.

pub(crate) mod batches;
mod hits;
mod ledger;
mod load;
mod machine;
mod mcp;
mod observability;
mod report;
pub(crate) mod subject;

use std::sync::Arc;
use std::time::Duration;

use outcrop_testkit::Tools;

use crate::paths;
use load::{Call, Latencies, Rate};
use subject::{Emulator, Servers, Subject};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// One part alone.
    #[command(subcommand)]
    part: Option<Part>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Print only; leave docs/benchmarks.md as it is.
    #[arg(long)]
    print_only: bool,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
    /// Only systems whose name contains this (the emulator always runs: the others are compared with it).
    #[arg(long)]
    only: Option<String>,
}

#[derive(clap::Subcommand)]
enum Part {
    /// How fast the ledger takes records on Postgres, and how fast it reports on millions of them.
    Ledger(ledger::Options),
    /// How fast answers are that are kept; printed only.
    Hits(hits::Options),
    /// What batches and large files cost in memory, and how fast lines go; printed only.
    Batches(batches::Options),
    /// How fast small requests of the Model Context Protocol are; printed only.
    Mcp(mcp::Options),
    /// What logs, traces and metrics cost, also while nobody takes them; printed only.
    Observability(observability::Options),
}

/// What was measured of one system.
pub(crate) struct Row {
    name: &'static str,
    start_ms: u128,
    idle_mib: f64,
    peak_mib: f64,
    chat: Rate,
    stream: Rate,
    low_rate: Latencies,
    first_byte: Latencies,
}

/// Requests a second of the latency measurement.
const LOW_RATE: u32 = 100;
const CHAT_CONNECTIONS: usize = 64;
const STREAM_CONNECTIONS: usize = 32;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.part {
        Some(Part::Ledger(options)) => return ledger::run(options),
        Some(Part::Hits(options)) => return hits::run(options),
        Some(Part::Batches(options)) => return batches::run(options),
        Some(Part::Mcp(options)) => return mcp::run(options),
        Some(Part::Observability(options)) => return observability::run(options),
        None => {}
    }
    if !options.no_build {
        build(&options.profile)?;
    }
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let servers = Servers::start(&tools, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    machine::pin_this_process();
    let binaries = paths::binaries(&options.profile);
    let emulator = Emulator::start(&binaries, folder.path())?;
    let mut rows = Vec::new();
    for kind in subject::Kind::ALL {
        let left_out = options.only.as_ref().is_some_and(|only| !kind.name().contains(only.as_str()));
        if left_out && kind != subject::Kind::EmulatorAlone {
            continue;
        }
        match subject::start(kind, &binaries, folder.path(), &emulator, &servers)? {
            Some(subject) => {
                println!("measuring {}", kind.name());
                rows.push(measure(&subject, &runtime, Duration::from_secs(options.seconds))?);
            }
            None => println!("{} is not installed: left out", kind.name()),
        }
    }
    let text = report::render(&rows, &machine::describe(), options.seconds);
    println!("\n{text}");
    if !options.print_only {
        let path = paths::root().join("docs/benchmarks.md");
        let ledger = ledger::kept(&std::fs::read_to_string(&path).unwrap_or_default());
        std::fs::write(path, text + &ledger)?;
    }
    Ok(())
}

/// Builds every program.
pub(crate) fn build(profile: &str) -> anyhow::Result<()> {
    let mut cargo = paths::cargo();
    cargo.args(["build", "--profile", profile]);
    for package in [
        "outcrop",
        "outcrop-gateway",
        "outcrop-auth",
        "outcrop-inference",
        "outcrop-job-worker",
        "outcrop-bedrock-emulator",
    ] {
        cargo.args(["-p", package]);
    }
    paths::check(&mut cargo)
}

fn measure(subject: &Subject, runtime: &tokio::runtime::Runtime, length: Duration) -> anyhow::Result<Row> {
    let idle_mib = subject.rss_mib();
    let (chat, stream): (&Arc<Call>, &Arc<Call>) = (&subject.chat, &subject.stream);
    // Connections, caches and branch predictors warm; what is measured is the steady state.
    runtime.block_on(load::closed_loop(chat, CHAT_CONNECTIONS, Duration::from_secs(1)))?;
    let chat_rate =
        with_cpu(subject, || runtime.block_on(load::closed_loop(chat, CHAT_CONNECTIONS, length)))?;
    runtime.block_on(load::closed_loop(stream, STREAM_CONNECTIONS, Duration::from_secs(1)))?;
    let stream_rate =
        with_cpu(subject, || runtime.block_on(load::closed_loop(stream, STREAM_CONNECTIONS, length)))?;
    let low_rate = runtime.block_on(load::fixed_rate(chat, LOW_RATE, length, load::Moment::LastByte))?;
    let first_byte = runtime.block_on(load::fixed_rate(stream, LOW_RATE, length, load::Moment::FirstData))?;
    Ok(Row {
        name: subject.name,
        start_ms: subject.start_ms,
        idle_mib,
        peak_mib: subject.rss_mib(),
        chat: chat_rate,
        stream: stream_rate,
        low_rate,
        first_byte,
    })
}

/// Runs a measurement and charges the CPU time that the subject's processes spent meanwhile to its answers.
fn with_cpu(subject: &Subject, run: impl FnOnce() -> anyhow::Result<Rate>) -> anyhow::Result<Rate> {
    let before = subject.cpu();
    let mut rate = run()?;
    let spent = subject.cpu().saturating_sub(before);
    rate.cpu_us = spent.as_micros() as f64 / rate.answers.max(1) as f64;
    Ok(rate)
}
