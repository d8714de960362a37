//! `outcrop users …` and `outcrop teams …`

use clap::{Args, Subcommand};
use outcrop_types::Role;

#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// Create a user and print an invitation to set its password; it cannot be shown again
    Create(CreateUserArgs),
    /// List users, newest first
    List(ListUsersArgs),
    /// Print a new invitation to set a password; older ones are withdrawn
    Invite(InviteArgs),
    /// Keep a user out; running servers refuse its keys and logins within a second
    Disable(UserArgs),
    /// Let a user in again
    Enable(UserArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateUserArgs {
    /// The name to log in with
    pub(crate) name: String,
    /// Where to write to
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Name or id of its team [default: the first admin's]
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// What it is there: platform_admin, team_admin, developer or viewer
    #[arg(long, default_value = "developer")]
    pub(crate) role: Role,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListUsersArgs {
    /// Name or id of a team, to list only its members
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Most users to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// The user's name or id
    pub(crate) user: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UserArgs {
    /// The user's name or id
    pub(crate) user: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamsCommand {
    /// Create a team and print its id
    Create(CreateTeamArgs),
    /// List teams, newest first
    List(ListTeamsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateTeamArgs {
    /// Its name
    pub(crate) name: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListTeamsArgs {
    /// Most teams to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
