//! Developer commands: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask bench`, `cargo xtask docs`.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod bench;
mod docs;
mod fuzz;
mod paths;
mod test;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Outcrop")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test: finds or installs Postgres, Redis, moto and the SDK clients, starts them, stops them.
    Test(test::Options),
    /// Run the fuzz targets: tokens, keys, networks, patterns, requests and streams of the dialects.
    Fuzz(fuzz::Options),
    /// Measure emulator, nginx and Outcrop side by side, and write docs/benchmarks.md.
    Bench(bench::Options),
    /// Run the commands of README.md and docs/ that are marked `sh run`.
    Docs(docs::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Task::Test(options) => test::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Docs(options) => docs::run(&options),
    }
}
