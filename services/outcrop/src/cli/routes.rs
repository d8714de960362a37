//! `outcrop routes …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum RoutesCommand {
    /// Print the routes, as TOML that `apply` takes back
    Show(ShowRoutesArgs),
    /// Say what is wrong with a file of routes, without a network; exit 78 if anything is
    Check(CheckRoutesArgs),
    /// Put a file's routes in the place of all routes; running servers go by them within two seconds
    Apply(ApplyRoutesArgs),
    /// Ask a running server how each target of the routes, and each other that calls went to, stands
    Targets(TargetsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ShowRoutesArgs {
    /// Print JSON, as the admin API has it
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckRoutesArgs {
    /// The file: TOML, or JSON where its name ends in .json
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyRoutesArgs {
    /// The file: TOML, or JSON where its name ends in .json
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Apply it only if the routes there are have this revision, as `show` prints it
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TargetsArgs {
    /// Server to ask [default: the local one]
    #[arg(long, env = "OUTCROP_URL")]
    pub(crate) url: Option<String>,
    /// API key of a platform admin; better set as a variable, which other users of this machine cannot see
    #[arg(long, env = "OUTCROP_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
