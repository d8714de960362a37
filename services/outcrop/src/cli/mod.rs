//! The command line: what can be asked for, in the words of `--help`.

mod audit;
mod batch;
mod doctor;
mod duration;
mod jobs;
mod keys;
mod ledger;
mod people;
mod policies;
mod prompts;
mod remote;
mod routes;
mod usage;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use outcrop_config::LoadOptions;

use crate::failure::Failure;

pub(crate) use audit::{AuditCommand, ListAuditArgs, VerifyAuditArgs};
pub(crate) use batch::{BatchCommand, RunBatchArgs};
pub(crate) use doctor::DoctorArgs;
pub(crate) use duration::parse_duration;
pub(crate) use jobs::{JobArgs, JobsCommand, ListJobsArgs, RedriveArgs, SetAsideArgs, ShowJobArgs};
pub(crate) use keys::{CreateKeyArgs, KeysCommand, ListKeysArgs, RevokeKeyArgs, RotateKeyArgs};
pub(crate) use ledger::{DropArgs, ExportArgs, LedgerCommand, MonthsArgs, RepriceArgs};
pub(crate) use people::{
    CreateTeamArgs, CreateUserArgs, InviteArgs, ListTeamsArgs, ListUsersArgs, TeamsCommand, UserArgs,
    UsersCommand,
};
pub(crate) use policies::{
    DeletePolicyArgs, ListPoliciesArgs, PoliciesCommand, Rule, RulesArgs, SetPolicyArgs, ShowPolicyArgs,
    TargetArgs,
};
pub(crate) use prompts::{
    ListPromptsArgs, PromptArgs, PromptsCommand, PutPromptArgs, RollbackPromptArgs, ShowPromptArgs,
};
pub(crate) use remote::RemoteArgs;
pub(crate) use routes::{ApplyRoutesArgs, RoutesCommand, ShowRoutesArgs, TargetsArgs};
pub(crate) use usage::{ListUsageArgs, ReportArgs, UsageArgs, UsageCommand};

const AFTER_HELP: &str = "\
Without a command, `outcrop` starts the platform on http://127.0.0.1:8080; the first start prints an API key.

Settings come from defaults, then outcrop.toml, then variables such as OUTCROP__SERVER__PORT, then flags;
`outcrop config show` prints them with their sources.

Exit codes: 0 done, 1 failed, 2 wrong use, 78 bad settings, 130 stopped by a signal.";

/// An OpenAI-compatible gateway over Amazon Bedrock, in one process.
#[derive(Debug, Parser)]
#[command(name = "outcrop", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Settings file; without it, outcrop.toml in this folder is read if it is there
    #[arg(long, global = true, value_name = "FILE", env = "OUTCROP_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the database, files and generated secrets [default: .outcrop]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Flags of the server.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Port to listen on; 0 takes a free one [default: 8080]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Address to listen on; 0.0.0.0 lets other machines in [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Which models answer: emulator:// or bedrock://REGION [default: emulator://]
    #[arg(long, value_name = "URL")]
    models: Option<String>,
    /// Let a local Ollama server write the emulator's answers, e.g. http://127.0.0.1:11434
    #[arg(long, value_name = "URL")]
    ollama: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the platform (the same as no command)
    Serve(ServeArgs),
    /// Create, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Create, list, invite, disable and enable users
    #[command(subcommand)]
    Users(UsersCommand),
    /// Create and list teams
    #[command(subcommand)]
    Teams(TeamsCommand),
    /// Say how much keys, users, teams and everybody may use
    #[command(subcommand)]
    Policies(PoliciesCommand),
    /// Write and list what people fill in over MCP
    #[command(subcommand)]
    Prompts(PromptsCommand),
    /// Show, check and change where calls of a model go
    #[command(subcommand)]
    Routes(RoutesCommand),
    /// List and check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Ask a model and print its answer as it comes
    Chat(ChatArgs),
    /// Have a file of model calls worked off
    #[command(subcommand)]
    Batch(BatchCommand),
    /// List, show, cancel and redrive jobs
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// List the latest usage records, or report sums of all
    Usage(Box<UsageArgs>),
    /// Reprice, export and remove usage records
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Bring the database up to date
    Migrate(MigrateArgs),
    /// Show or check the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look whether everything the settings name is there and lets us in; what to do where not
    Doctor(DoctorArgs),
    /// Exit 0 if a server answers; for containers
    Healthcheck(HealthcheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// What to say; `-`, or nothing at all, stands for standard input
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: Vec<String>,
    /// Model to ask [default: the server's]
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Instructions that go before the prompt
    #[arg(long)]
    pub(crate) system: Option<String>,
    #[command(flatten)]
    pub(crate) remote: RemoteArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Change nothing; exit 1 if the database is not up to date
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in force, each with its source; secrets are masked
    Show,
    /// Exit 0 if the settings are good, 78 if not
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// Server to ask [default: the local one]
    #[arg(long, env = "OUTCROP_URL")]
    pub(crate) url: Option<String>,
    /// Also ask whether what it depends on is there
    #[arg(long)]
    pub(crate) ready: bool,
}

impl Cli {
    /// The settings' layers, with the flags on top.
    pub(crate) fn load_options(&self) -> Result<LoadOptions, Failure> {
        let mut options = LoadOptions::from_process();
        if self.common.config.is_some() {
            options.file.clone_from(&self.common.config);
        }
        let serve = match &self.command {
            Some(Command::Serve(args)) => self.serve.under(args),
            None => self.serve.under(&ServeArgs::default()),
            Some(_) if self.serve.is_empty() => return Ok(self.with_data_dir(options)),
            Some(_) => {
                let line = "--port, --host, --models and --ollama belong to `outcrop` and `outcrop serve`";
                return Err(Failure::Usage(line.to_owned()));
            }
        };
        let flags = [
            ("server.port", serve.port.map(|it| it.to_string())),
            ("server.host", serve.host),
            ("models.url", serve.models),
            ("models.ollama", serve.ollama),
        ];
        options.flags.extend(flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Ok(self.with_data_dir(options))
    }

    fn with_data_dir(&self, mut options: LoadOptions) -> LoadOptions {
        if let Some(folder) = &self.common.data_dir {
            options.flags.push(("data_dir".to_owned(), folder.to_string_lossy().into_owned()));
        }
        options
    }
}

impl ServeArgs {
    const fn is_empty(&self) -> bool {
        self.port.is_none() && self.host.is_none() && self.models.is_none() && self.ollama.is_none()
    }

    /// These flags with those after `serve` on top.
    fn under(&self, top: &Self) -> Self {
        Self {
            port: top.port.or(self.port),
            host: top.host.clone().or_else(|| self.host.clone()),
            models: top.models.clone().or_else(|| self.models.clone()),
            ollama: top.ollama.clone().or_else(|| self.ollama.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn flags(line: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        Cli::try_parse_from(line).unwrap().load_options().map(|it| it.flags)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn flags_become_settings_on_either_side_of_serve() {
        let expected =
            vec![pair("server.port", "1"), pair("models.url", "bedrock://us-east-1"), pair("data_dir", "x")];
        for line in [
            &["outcrop", "--port", "1", "--models", "bedrock://us-east-1", "--data-dir", "x"][..],
            &["outcrop", "serve", "--port", "1", "--models", "bedrock://us-east-1", "--data-dir", "x"][..],
            &[
                "outcrop",
                "--port",
                "2",
                "--data-dir",
                "x",
                "--models",
                "bedrock://us-east-1",
                "serve",
                "--port",
                "1",
            ][..],
        ] {
            assert_eq!(flags(line).unwrap(), expected, "{line:?}");
        }
    }

    #[test]
    fn flags_of_the_server_are_refused_elsewhere() {
        assert_eq!(flags(&["outcrop", "--data-dir", "x", "keys", "list"]).unwrap(), [pair("data_dir", "x")]);
        assert!(matches!(flags(&["outcrop", "--port", "1", "keys", "list"]), Err(Failure::Usage(_))));
    }
}
