//! `outcrop jobs …`

use clap::{Args, Subcommand};

use super::RemoteArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the team's jobs, the newest first
    List(ListJobsArgs),
    /// Show a job and its answer
    Show(ShowJobArgs),
    /// Cancel a job, or a batch
    Cancel(JobArgs),
    /// Send jobs that were set aside back to the queue
    Redrive(RedriveArgs),
    /// List jobs that were set aside, because nobody came to an end with them
    Dead(SetAsideArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListJobsArgs {
    /// Only in this state: queued, running, succeeded, failed, cancelled, expired
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only of this kind: call, batch
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only calls of this path, such as /v1/chat/completions
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Only with this entry in their metadata
    #[arg(long, value_name = "NAME=VALUE", value_parser = entry)]
    pub(crate) metadata: Option<(String, String)>,
    /// Most jobs to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowJobArgs {
    /// The job's id, or its batch's
    #[arg(value_name = "JOB")]
    pub(crate) id: String,
    /// Print only the answer's body
    #[arg(long, conflicts_with = "json")]
    pub(crate) answer: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job's id, or its batch's
    #[arg(value_name = "JOB")]
    pub(crate) id: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArgs {
    /// The jobs' ids
    #[arg(value_name = "JOB", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// All that were set aside, of all teams; for platform admins
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SetAsideArgs {
    /// Of all teams, with what the queue says; for platform admins
    #[arg(long)]
    pub(crate) all: bool,
    /// Most jobs to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
