//! `outcrop batch …`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::RemoteArgs;
use super::duration::parse_duration;

#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Send a file of calls, wait until they are done, and fetch the answers
    #[command(after_help = AFTER_RUN)]
    Run(RunBatchArgs),
}

const AFTER_RUN: &str = "\
Answers go to OUT, what failed to a file beside it (out.jsonl, out.errors.jsonl). Ctrl-C leaves the batch running; the \
same command comes back to it, however the last one ended: nothing is sent twice. Until the answers are there, a small \
file beside OUT (OUT.outcrop-batch.json) remembers which batch it is.

Exit codes: 0 every line was answered, 1 some failed or the batch did, 130 left with Ctrl-C.";

#[derive(Debug, Args)]
pub(crate) struct RunBatchArgs {
    /// One call a line: {"custom_id": …, "method": "POST", "url": …, "body": …}
    #[arg(value_name = "INPUT")]
    pub(crate) input: PathBuf,
    /// Where the answers go
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// What every line calls
    #[arg(long, default_value = "/v1/chat/completions", value_name = "PATH")]
    pub(crate) endpoint: String,
    /// How long it may take: the more, the cheaper it may be done
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub(crate) window: String,
    /// How often to look how far it is [default: each second, later every five]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) poll: Option<Duration>,
    /// Exit 0 even if some lines failed
    #[arg(long)]
    pub(crate) allow_failures: bool,
    /// Cancel the batch, and fetch what was done of it
    #[arg(long)]
    pub(crate) cancel: bool,
    /// Have a file that was done before worked off once more
    #[arg(long, conflicts_with = "cancel")]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}
