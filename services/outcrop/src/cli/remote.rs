//! Flags of every command that speaks to a running server.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct RemoteArgs {
    /// Server to ask [default: the local one]
    #[arg(long, env = "OUTCROP_URL")]
    pub(crate) url: Option<String>,
    /// API key; better set as a variable, which other users of this machine cannot see
    #[arg(long, env = "OUTCROP_API_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}
