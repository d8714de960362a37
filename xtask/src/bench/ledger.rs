//! `cargo xtask bench ledger`: how fast the ledger takes records, and how fast it reports on millions of them.

use std::process::Stdio;

use anyhow::ensure;
use outcrop_testkit::{POSTGRES_URL, Postgres, Tools};

use super::machine;
use crate::paths;

/// What the section begins with. It is the last one of docs/benchmarks.md.
const HEAD: &str = "## Ledger\n";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Records that are written, twice.
    #[arg(long, default_value_t = 200_000)]
    written: u32,
    /// Reports on 10 million records and not on 200,000. Takes minutes, and some 10 GB of disk.
    #[arg(long)]
    full: bool,
    /// Print only; leave docs/benchmarks.md as it is.
    #[arg(long)]
    print_only: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let tools = Tools::find_or_install(&paths::tools(), &|text| println!("{text}"))?;
    let folder = tempfile::Builder::new().prefix("outcrop-bench-").tempdir()?;
    let postgres = Postgres::start(&tools, folder.path())?;
    let loaded: u32 = if options.full { 10_000_000 } else { 200_000 };
    let mut cargo = paths::cargo();
    cargo.args(["bench", "-p", "outcrop-postgres", "--bench", "ledger", "--"]);
    cargo.args([options.written.to_string(), loaded.to_string()]);
    let output = cargo.env(POSTGRES_URL, postgres.url()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{cargo:?} ended with {}", output.status);
    let text = section(&String::from_utf8_lossy(&output.stdout), options.full);
    println!("\n{text}");
    if !options.print_only {
        let path = paths::root().join("docs/benchmarks.md");
        let page = std::fs::read_to_string(&path)?;
        let rest = page.find(HEAD).map_or(&page[..], |at| &page[..at]);
        std::fs::write(path, format!("{}\n\n{text}", rest.trim_end()))?;
    }
    Ok(())
}

/// The section as it is in the page, with an empty line before it; nothing if there is none.
pub(crate) fn kept(page: &str) -> String {
    page.find(HEAD).map_or_else(String::new, |at| format!("\n{}", &page[at..]))
}

fn section(table: &str, full: bool) -> String {
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
    format!(
        "{HEAD}\nWritten by `cargo xtask bench ledger{}`. Machine: {}.\n\n\
         Postgres as it is installed, on the same machine, without fsync; this program beside it. A hundred teams of ten people with a key each, three models and\n\
         two projects. Each record is added to its group's sums of the hour and of the day in the transaction that writes it; the month's sums are checked against\n\
         its records before they are reported on.\n\n{}\n",
        if full { " --full" } else { "" },
        machine::describe(),
        rows.join("\n"),
    )
}
