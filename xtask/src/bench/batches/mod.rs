//! `cargo xtask bench batches`: the memory of the job worker during a large batch and a large file, and how fast lines go
//! beside calls that somebody waits for.
//!
//! The platform runs apart, on Postgres, Redis, and moto's queue; files lie in a folder, or in moto's S3 with `--s3`, which
//! keeps them in memory and is slow: large files are measured on the folder.

pub(crate) mod client;
mod platform;

use std::time::{Duration, Instant};

use anyhow::ensure;
use outcrop_testkit::Tools;

use super::subject::{Emulator, Servers, outcrop_calls};
use super::{build, load, machine};
use crate::paths;
use client::Client;
use platform::Platform;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Lines of the batch.
    #[arg(long, default_value_t = 100_000)]
    lines: u64,
    /// Bytes of the file.
    #[arg(long, default_value_t = 2_000_000_000)]
    bytes: u64,
    /// How long the model takes for an answer, milliseconds.
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
    /// Calls at a time: of those who wait, and of the batch.
    #[arg(long, default_value_t = 32)]
    at_once: usize,
    /// Files in moto's S3.
    #[arg(long)]
    s3: bool,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

/// How long calls that somebody waits for are counted.
const DIRECT: Duration = Duration::from_secs(10);

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build(&options.profile)?;
    }
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let servers = Servers::start(&tools, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    machine::pin_this_process();
    let binaries = paths::binaries(&options.profile);
    let emulator = Emulator::answering_after(&binaries, folder.path(), options.latency_ms)?;
    println!("{}; profile {}", machine::describe(), options.profile);
    let start = platform::start(&binaries, folder.path(), &emulator, &servers, options);
    let platform = runtime.block_on(start)?;
    let client = Client::new(platform.gateway_port, &platform.key)?;
    if options.lines > 0 {
        lines(options, &runtime, &platform, &client)?;
    }
    if options.bytes > 0 {
        runtime.block_on(file(options, &platform, &client))?;
    }
    Ok(())
}

/// Calls that somebody waits for, then a batch of the same calls.
fn lines(
    options: &Options,
    runtime: &tokio::runtime::Runtime,
    platform: &Platform,
    client: &Client,
) -> anyhow::Result<()> {
    let (chat, _) = outcrop_calls(platform.gateway_port, &platform.key, "");
    runtime.block_on(load::closed_loop(&chat, options.at_once, Duration::from_secs(1)))?;
    let direct = runtime.block_on(load::closed_loop(&chat, options.at_once, DIRECT))?.per_second();
    println!("direct calls, {} at a time: {direct:.0}/s", options.at_once);
    platform.forget_peaks();
    let idle = machine::rss_mib(platform.jobs());
    let input = runtime.block_on(client.upload_lines(options.lines))?;
    let began = Instant::now();
    let batch = runtime.block_on(client.batch(&input))?;
    let seconds = began.elapsed().as_secs_f64();
    let (completed, peak) = (&batch["request_counts"]["completed"], machine::peak_mib(platform.jobs()));
    ensure!(*completed == options.lines, "lines are missing: {batch:#}");
    let rate = options.lines as f64 / seconds;
    println!(
        "batch of {} lines, {} at a time: {seconds:.1} s, {rate:.0} lines/s, {:.0} % of direct calls",
        options.lines,
        options.at_once,
        rate * 100.0 / direct
    );
    println!("job worker: {idle:.1} MiB before, at most {peak:.1} MiB during the batch");
    Ok(())
}

/// A file there and back.
async fn file(options: &Options, platform: &Platform, client: &Client) -> anyhow::Result<()> {
    platform.forget_peaks();
    let before = platform.rss_mib();
    let began = Instant::now();
    let id = client.upload(options.bytes).await?;
    let up = began.elapsed().as_secs_f64();
    let after_upload = platform.peaks_mib();
    platform.forget_peaks();
    let began = Instant::now();
    let read = client.download(&id).await?;
    let down = began.elapsed().as_secs_f64();
    ensure!(read == options.bytes, "{read} bytes came back of {}", options.bytes);
    let mega = options.bytes as f64 / 1e6;
    let place = if options.s3 { "moto's S3" } else { "a folder" };
    println!(
        "file of {mega:.0} MB in {place}: up {up:.1} s ({:.0} MB/s), down {down:.1} s ({:.0} MB/s)",
        mega / up,
        mega / down
    );
    let after_download = platform.peaks_mib();
    for (at, name) in ["gateway", "job worker"].into_iter().enumerate() {
        println!(
            "{name}: {:.1} MiB before, at most {:.1} MiB during the upload, {:.1} MiB during the download",
            before[at], after_upload[at], after_download[at]
        );
    }
    Ok(())
}
