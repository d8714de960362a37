//! `outcrop-bedrock-emulator`: a local Amazon Bedrock as a process of its own.
//!
//! A thin main around the library `outcrop_emulator`: settings, one line with the address, signals, drain.

mod healthcheck;
mod settings;

use clap::Parser as _;
use outcrop_emulator::Emulator;
use settings::{Cli, Command};
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

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
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let emulator = Emulator::bind(settings.config()?).await?;
        say(&format!("Bedrock emulator listens on {}", emulator.url()));
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        emulator.run(stop).await?;
        Ok(())
    })
}

/// Ctrl-C or SIGTERM drains.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the one line for the person who started it")]
fn say(line: &str) {
    eprintln!("{line}");
}
