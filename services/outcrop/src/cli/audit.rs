//! `outcrop audit …`

use clap::{Args, Subcommand};
use outcrop_auth::AuditAnchor;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List who did what, newest first
    List(ListAuditArgs),
    /// Check that no row was changed, moved, removed or put in, and print the head; exit 1 if one was
    Verify(VerifyAuditArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListAuditArgs {
    /// Name or id of a team, to list only what concerns it
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Only what this one did: the id of a user or service account, command_line, system or anonymous
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this action, or all that begin so if it ends in a dot, e.g. key.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only what was done to this id
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub(crate) refused: bool,
    /// Most rows to list
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyAuditArgs {
    /// A head that was printed before and kept elsewhere; its row must still be there. Without it, nobody can tell
    /// that the newest rows were cut off together with the record of how many there are
    #[arg(long, value_name = "SEQ:HASH")]
    pub(crate) head: Option<AuditAnchor>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
