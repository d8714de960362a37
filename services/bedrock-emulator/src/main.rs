//! `outcrop-bedrock-emulator`: a local Amazon Bedrock as a process of its own.
//!
//! A thin main around the library `outcrop_emulator`: settings, one line with the address, signals, drain.

mod healthcheck;
mod settings;

use clap::Parser as _;
use outcrop_config::Config;
use outcrop_emulator::Emulator;
use outcrop_wiring::S3Objects;
use settings::{Cli, Command};
use std::process::ExitCode;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Healthcheck) => healthcheck::run(&cli.serve.host, cli.serve.port),
        None => serve(cli.serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: settings::Serve) -> anyhow::Result<()> {
    let telemetry = outcrop_wiring::start_log("bedrock-emulator", &Config::default(), "warn")?;
    // The workers have runtimes of their own; this one only waits for the end.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let mut config = settings.config()?;
        config.objects = Some(Arc::new(S3Objects::connect(&config.region, None).await));
        let emulator = Emulator::bind(config).await?;
        let stop = outcrop_lifecycle::stop_on_signal()?;
        say(&format!("Bedrock emulator listens on {}", emulator.url()));
        Ok(emulator.run(stop).await?)
    });
    telemetry.finish();
    served
}

#[expect(clippy::print_stderr, reason = "the one line for the person who started it")]
fn say(line: &str) {
    eprintln!("{line}");
}
