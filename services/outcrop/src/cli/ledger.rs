//! `outcrop ledger …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use outcrop_ports::UsageMonth;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Work out anew what recorded calls cost, show the difference, and keep it after a yes
    Reprice(RepriceArgs),
    /// List the months there are records of
    Months(MonthsArgs),
    /// Write a month's records to a file, or to the blobs as retention does
    Export(ExportArgs),
    /// Remove a month's records, which must be exported to the blobs; its sums stay
    Drop(DropArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RepriceArgs {
    /// From this day (UTC) or moment on: 2026-11-01, 2026-11-01T12:00:00Z
    #[arg(long)]
    pub(crate) from: String,
    /// Until before this day or moment [default: now]
    #[arg(long)]
    pub(crate) until: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MonthsArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Which month: 2026-10
    #[arg(long, value_parser = month)]
    pub(crate) month: UsageMonth,
    /// The file, which must not be there yet: its name ends in .ndjson, .ndjson.gz, .csv or .csv.gz [default: the blobs]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// Which month: 2026-10
    #[arg(long, value_parser = month)]
    pub(crate) month: UsageMonth,
    /// Also if it is not over, or not exported: records that are not are then lost
    #[arg(long)]
    pub(crate) force: bool,
}

fn month(text: &str) -> Result<UsageMonth, String> {
    let wrong = || format!("`{text}` is no month such as 2026-10");
    let fits = text.len() == "2026-10".len();
    let first = fits.then(|| format!("{text}-01").parse().ok()).flatten().ok_or_else(wrong)?;
    Ok(UsageMonth { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_read_as_written() {
        assert_eq!(month("2026-10").unwrap().first, "2026-10-01".parse().unwrap());
        for bad in ["", "2026", "2026-13", "2026-1", "26-10-1", "2026-10-01"] {
            assert!(month(bad).is_err(), "{bad}");
        }
    }
}
