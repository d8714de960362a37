//! `outcrop keys …`

use std::time::Duration;

use clap::{Args, Subcommand};
use outcrop_types::{Network, Pattern, Permission, Role, Scope, ServiceAccountId};

use super::duration::{parse_duration, parse_overlap};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create a key and print it; it cannot be shown again
    Create(Box<CreateKeyArgs>),
    /// List keys, newest first
    List(ListKeysArgs),
    /// Put a new key in the place of one, which stays good for a while
    Rotate(RotateKeyArgs),
    /// Revoke a key; running servers refuse it within a second
    Revoke(RevokeKeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateKeyArgs {
    /// A name for people
    #[arg(long, default_value = "command line")]
    pub(crate) name: String,
    /// Name or id of the team it acts for [default: its owner's first team]
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Name or id of the user it acts as [default: the first admin]
    #[arg(long, conflicts_with = "service_account")]
    pub(crate) user: Option<String>,
    /// Id of the service account it acts as
    #[arg(long, value_name = "ID")]
    pub(crate) service_account: Option<ServiceAccountId>,
    /// What it may do: platform_admin, team_admin, developer, viewer or service [default: developer, or what its
    /// service account is]
    #[arg(long)]
    pub(crate) role: Option<Role>,
    /// How long it is good: a number and s, m, h or d, e.g. 90d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) expires_in: Option<Duration>,
    /// Most model calls in a sliding window of 60 seconds [default: no limit of its own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// A word for finding it again, NAME=VALUE; can be repeated
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = parse_tag)]
    pub(crate) tags: Vec<(String, String)>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What narrows a key; each can be repeated.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// Only this permission of the role, e.g. inference:invoke; can be repeated
    #[arg(long = "permission", value_name = "NAME")]
    permissions: Vec<Permission>,
    /// Only paths like this, e.g. '/v1/chat/*'; can be repeated
    #[arg(long = "route", value_name = "PATTERN")]
    routes: Vec<Pattern>,
    /// Only models like this, e.g. 'claude-*'; can be repeated
    #[arg(long = "model", value_name = "PATTERN")]
    models: Vec<Pattern>,
    /// Only from this network, e.g. 10.0.0.0/8; can be repeated
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<Network>,
}

impl ScopeArgs {
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            permissions: (!self.permissions.is_empty()).then(|| self.permissions.clone()),
            routes: self.routes.clone(),
            models: self.models.clone(),
            networks: self.networks.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListKeysArgs {
    /// Name or id of a team, to list only its keys
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// List only keys that are good now
    #[arg(long)]
    pub(crate) active: bool,
    /// Most keys to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKeyArgs {
    /// The key's id, as `keys list` shows it
    pub(crate) id: String,
    /// How long the old key stays good: a number and s, m, h or d; 0s ends it at once, 30d is the most
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_overlap)]
    pub(crate) overlap: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKeyArgs {
    /// The key's id, as `keys list` shows it
    pub(crate) id: String,
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
