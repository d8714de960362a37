//! Developer commands: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask bench`, `cargo xtask docs`, `cargo xtask observability`,
//! `cargo xtask drill`, `cargo xtask package`, `cargo xtask migrations`.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod bench;
mod deploy;
mod docs;
mod fuzz;
mod migrations;
mod observability;
mod package;
mod paths;
mod pictures;
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
    /// Write what is under deploy/observability from the table of instruments, or check that it is as it would be written.
    Observability(observability::Options),
    /// Provoke the failures that alarms are for, and wait until each fires and is over again.
    Drill(observability::drill::Options),
    /// Hold the database migrations against the rules of docs/upgrading.md; lock those of a release.
    Migrations(migrations::Options),
    /// Check everything that is deployed with the tools of those who read it: images, Helm, CloudFormation, Terraform, workflows.
    VerifyDeploy(deploy::Options),
    /// Compile every program for amd64 and arm64 into dist/, each with its bill of materials.
    Package(package::Options),
    /// Draw what dashboards and a trace show of a real run, for docs/observability.md.
    Pictures(pictures::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Task::Test(options) => test::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Docs(options) => docs::run(&options),
        Task::Observability(options) => observability::run(&options),
        Task::Drill(options) => observability::drill::run(&options),
        Task::Migrations(options) => migrations::run(&options),
        Task::VerifyDeploy(options) => deploy::run(&options),
        Task::Package(options) => package::run(&options),
        Task::Pictures(options) => pictures::run(&options),
    }
}
