//! `outcrop doctor`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// One JSON document instead of lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Call each default model once, for one token; Bedrock charges for it
    #[arg(long)]
    pub(crate) call: bool,
    /// Write an object of a few bytes to the bucket, and remove it again
    #[arg(long)]
    pub(crate) write: bool,
    /// Longest that one check may take, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub(crate) limit: u64,
}
