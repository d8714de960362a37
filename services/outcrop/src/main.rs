//! The `outcrop` program: the whole platform in one process, and the commands that administer it.
//!
//! `serve` puts the services together; every other command works on the same settings and stores and leaves.
//! Start reading at [`commands::serve`] or at the command of interest.

mod admin;
mod cli;
mod commands;
mod failure;
mod identity;
mod local_url;
mod output;
mod platform;
mod remote;
mod sse;
mod table;
mod welcome;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use outcrop_config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    outcrop_wiring::install_crypto();
    let done = actix_web::rt::System::new().block_on(run(&cli));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: &Cli) -> Result<(), Failure> {
    let options = cli.load_options()?;
    if let Some(Command::Config(command)) = &cli.command {
        return commands::config::run(command, &options);
    }
    if let Some(Command::Doctor(args)) = &cli.command {
        return Box::pin(commands::doctor::run(args, &options)).await;
    }
    let config = Config::load(&options)?;
    match &cli.command {
        None | Some(Command::Serve(_)) => {
            // On the heap: it holds the whole platform.
            Box::pin(commands::serve::run(config, cli.common.data_dir.as_deref())).await
        }
        Some(command) => {
            // A command's own words are enough; the log speaks up only when something is wrong.
            let telemetry = outcrop_wiring::start_log("outcrop", &config, "warn,aws_config::imds=error")?;
            let done = Box::pin(administer(command, &config)).await;
            telemetry.finish();
            done
        }
    }
}

async fn administer(command: &Command, config: &Config) -> Result<(), Failure> {
    match command {
        // On the heap: each holds a connection of every kind of store.
        Command::Keys(command) => Box::pin(commands::keys::run(command, config)).await,
        Command::Users(command) => Box::pin(commands::users::run(command, config)).await,
        Command::Teams(command) => Box::pin(commands::teams::run(command, config)).await,
        Command::Policies(command) => Box::pin(commands::policies::run(command, config)).await,
        Command::Prompts(command) => Box::pin(commands::prompts::run(command, config)).await,
        Command::Routes(command) => Box::pin(commands::routes::run(command, config)).await,
        Command::Audit(command) => Box::pin(commands::audit::run(command, config)).await,
        Command::Chat(args) => commands::chat::run(args, config).await,
        Command::Batch(command) => Box::pin(commands::batch::run(command, config)).await,
        Command::Jobs(command) => Box::pin(commands::jobs::run(command, config)).await,
        Command::Usage(args) => Box::pin(commands::usage::run(args, config)).await,
        Command::Ledger(command) => Box::pin(commands::ledger::run(command, config)).await,
        Command::Migrate(args) => commands::migrate::run(args, config).await,
        Command::Healthcheck(args) => commands::healthcheck::run(args, config).await,
        // Handled before settings are loaded, or with the server.
        Command::Config(_) | Command::Doctor(_) | Command::Serve(_) => Ok(()),
    }
}
