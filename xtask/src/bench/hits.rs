//! `cargo xtask bench hits`: answers that are kept, at 64 connections.

use std::time::Duration;

use outcrop_testkit::Tools;

use super::load::{self, Moment};
use super::subject::{self, Emulator, Kind};
use super::{CHAT_CONNECTIONS, build, machine};
use crate::paths;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Requests a second over all connections, while latency is measured.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// Cargo profile to measure.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

/// What a hit may take, microseconds.
const TARGET_P99_US: f64 = 1_000.0;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build(&options.profile)?;
    }
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let redis = outcrop_testkit::Redis::start(&tools, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    machine::pin_this_process();
    let binaries = paths::binaries(&options.profile);
    let emulator = Emulator::start(&binaries, folder.path())?;
    let length = Duration::from_secs(options.seconds);
    println!("{} at {} requests/s over {CHAT_CONNECTIONS} connections", machine::describe(), options.rate);
    println!("| {} | p50 µs | p99 µs | hits/s, closed loop | CPU µs per hit |", Kind::OneProcess.name());
    for (name, url) in [("memory", None), ("Redis", Some(redis.url()))] {
        let subject =
            subject::one_process_keeping(&binaries, folder.path(), &emulator, (name, url.as_deref()))?;
        for (manner, call) in [("chat", &subject.chat), ("stream", &subject.stream)] {
            runtime.block_on(load::closed_loop(call, CHAT_CONNECTIONS, Duration::from_secs(1)))?;
            let spread = load::spread(call, (CHAT_CONNECTIONS, options.rate), length, Moment::LastByte);
            let latency = runtime.block_on(spread)?;
            let closed = || runtime.block_on(load::closed_loop(call, CHAT_CONNECTIONS, length));
            let rate = super::with_cpu(&subject, closed)?;
            let verdict = if latency.p99_us < TARGET_P99_US { "met" } else { "missed" };
            println!(
                "| {name}, {manner} | {:.0} | {:.0} ({verdict}) | {:.0} | {:.0} |",
                latency.p50_us,
                latency.p99_us,
                rate.per_second(),
                rate.cpu_us
            );
        }
    }
    Ok(())
}
