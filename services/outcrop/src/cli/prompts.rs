//! `outcrop prompts …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PromptsCommand {
    /// Write what a file says as a new version of a prompt, and serve it; MCP clients see it within seconds
    Put(PutPromptArgs),
    /// List prompts, newest first
    List(ListPromptsArgs),
    /// Show a prompt, or one version of it
    Show(ShowPromptArgs),
    /// Serve an earlier version of a prompt, or any other; an archived one is served again
    Rollback(RollbackPromptArgs),
    /// Serve no version of a prompt, and keep all
    Archive(PromptArgs),
    /// Delete a prompt with all of its versions
    Delete(PromptArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PutPromptArgs {
    /// The file: JSON, TOML, or Markdown, by how its name ends
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The prompt's name [default: the file's `name`, or what the file is called]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Name or id of the team whose it is [default: that of the first admin]
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Only write the version; what is served stays
    #[arg(long)]
    pub(crate) draft: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListPromptsArgs {
    /// List only those of this team, by name or id
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// List only those that are archived
    #[arg(long)]
    pub(crate) archived: bool,
    /// Most prompts to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which prompt.
#[derive(Debug, Args)]
pub(crate) struct PromptArgs {
    /// The prompt's name or id, as `prompts list` shows it
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: String,
    /// Name or id of its team, where several teams have one of this name
    #[arg(long)]
    pub(crate) team: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowPromptArgs {
    #[command(flatten)]
    pub(crate) which: PromptArgs,
    /// This version [default: the one that is served]
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackPromptArgs {
    #[command(flatten)]
    pub(crate) which: PromptArgs,
    /// To this version [default: the one that was served before; of an archived prompt the one served at last]
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
}
