//! `outcrop usage …`

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct UsageArgs {
    #[command(subcommand)]
    pub(crate) command: Option<UsageCommand>,
    #[command(flatten)]
    pub(crate) list: ListUsageArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListUsageArgs {
    /// Most records to list
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Sum up requests, tokens and cost
    Report(ReportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// What to group by, separated by commas: team, user, key, model, model_asked, region, account, cache, guardrail,
    /// dialect, operation, tier, tag:NAME, and one of hour, day, month
    #[arg(long, value_name = "NAMES")]
    pub(crate) by: Option<String>,
    /// A month such as 2026-11 [default: this month]
    #[arg(long, conflicts_with_all = ["from", "until"])]
    pub(crate) month: Option<String>,
    /// From this day or whole hour on: 2026-11-21, 2026-11-21T15:00:00Z
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Until before this day or whole hour [default: now]
    #[arg(long, requires = "from")]
    pub(crate) until: Option<String>,
    /// Only of this team, by name or id
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Only by this user, by name or id, or service account, by id
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only with this key, by id
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Only answered by this model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only in this AWS region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Only in this account, by its name in settings
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Only where the cache of answers did this: bypass, miss, hit, coalesced
    #[arg(long, value_name = "STATE")]
    pub(crate) cache: Option<String>,
    /// Only where guardrails did this: none, passed, observed, intervened
    #[arg(long, value_name = "STATE")]
    pub(crate) guardrail: Option<String>,
    /// Only in this dialect: openai, anthropic, …
    #[arg(long)]
    pub(crate) dialect: Option<String>,
    /// Only with this tag
    #[arg(long, value_name = "NAME:VALUE")]
    pub(crate) tag: Option<String>,
    /// Where days and months begin [default: UTC]
    #[arg(long, value_name = "NAME")]
    pub(crate) time_zone: Option<String>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
