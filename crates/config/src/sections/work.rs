//! How work that can wait is done: jobs, batches, files, webhooks.

use outcrop_types::{MalformedNetwork, Network, Way};
use serde::Deserialize;

use super::listed;

/// How asynchronous work is done.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// Jobs and parts of batches worked on at once by one process.
    pub concurrency: usize,
    /// How long a worker holds a job without a sign of life, milliseconds.
    pub lease_ms: u64,
    /// How often a job is tried before it has failed.
    pub max_attempts: u32,
    /// How often lost nudges are looked for, milliseconds.
    pub sweep_ms: u64,
    /// Jobs of one team that may wait or run at once; further ones are refused.
    pub max_open_jobs_per_team: usize,
    /// Jobs and parts of batches of one team that run at once, over all processes.
    pub max_running_per_team: usize,
    /// How long jobs and batches that ended can be looked at, days; 0 keeps them.
    pub retention_days: u32,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            concurrency: 8,
            lease_ms: 60_000,
            max_attempts: 3,
            sweep_ms: 30_000,
            max_open_jobs_per_team: 10_000,
            max_running_per_team: 64,
            retention_days: 30,
        }
    }
}

/// How batches are done.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchesConfig {
    /// Most lines of a batch.
    pub max_lines: u64,
    /// Longest line, bytes.
    pub max_line_bytes: usize,
    /// Most lines of the part that one worker takes at a time.
    pub part_lines: u32,
    /// Most bytes of such a part (one line may be longer).
    pub part_bytes: u64,
    /// Lines that one process has under way at once, from the call until the answer is kept: as many may be called twice
    /// when it dies.
    pub lines_at_once: usize,
    /// How often a line is tried that fails for a passing reason.
    pub line_attempts: u32,
    /// Batches of one team that may be open at once; further ones are refused.
    pub max_open_per_team: usize,
}

impl Default for BatchesConfig {
    fn default() -> Self {
        Self {
            max_lines: 100_000,
            max_line_bytes: 4 << 20,
            part_lines: 250,
            part_bytes: 4 << 20,
            lines_at_once: 32,
            line_attempts: 5,
            max_open_per_team: 100,
        }
    }
}

/// How clients' files are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesConfig {
    /// Largest file, bytes.
    pub max_bytes: u64,
    /// What all files of a team may take, bytes.
    pub quota_bytes_per_team: u64,
    /// How long a file is kept whose client does not say, days; 0 keeps it.
    pub expire_days: u32,
    /// How long outputs of batches are kept whose client does not say, days; 0 keeps them.
    pub batch_output_days: u32,
    /// How long a signed address is good, seconds.
    pub url_ttl_s: u64,
    /// Longest time without a byte of an upload, milliseconds.
    pub idle_timeout_ms: u64,
    /// Longest time for an upload or download as a whole, milliseconds.
    pub transfer_timeout_ms: u64,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            max_bytes: 2 << 30,
            quota_bytes_per_team: 100 << 30,
            expire_days: 0,
            batch_output_days: 30,
            url_ttl_s: 900,
            idle_timeout_ms: 30_000,
            transfer_timeout_ms: 3_600_000,
        }
    }
}

/// Which ways work that can wait may be done, where no policy is narrower.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaysConfig {
    /// The ways, separated by commas: `on_demand`, `flex`, `batch`.
    pub allowed: String,
    /// Least time until the deadline for the flex tier, seconds.
    pub flex_spare_s: u64,
    /// Least time until the deadline for Bedrock's batch inference, seconds.
    pub batch_spare_s: u64,
    /// How long before the deadline what batch inference has not done is done on demand, seconds.
    pub batch_reserve_s: u64,
    /// Least records of a job of batch inference; Bedrock refuses fewer.
    pub batch_min_records: u64,
    /// Most records of a job of batch inference; larger batches are done otherwise.
    pub batch_max_records: u64,
    /// The role that Bedrock takes to read and write S3; without it there is no batch inference.
    pub batch_role: Option<String>,
    /// How often a job of batch inference is looked at, milliseconds.
    pub batch_poll_ms: u64,
}

impl Default for WaysConfig {
    fn default() -> Self {
        Self {
            allowed: "on_demand,flex,batch".into(),
            flex_spare_s: 3_600,
            batch_spare_s: 12 * 3_600,
            batch_reserve_s: 4 * 3_600,
            batch_min_records: 100,
            batch_max_records: 50_000,
            batch_role: None,
            batch_poll_ms: 60_000,
        }
    }
}

impl WaysConfig {
    /// The ways of [`allowed`](Self::allowed).
    ///
    /// # Errors
    /// The word that is none.
    pub fn ways(&self) -> Result<Vec<Way>, String> {
        listed(Some(&self.allowed)).map(|word| Way::parse(word).ok_or_else(|| word.to_owned())).collect()
    }
}

/// How teams' endpoints are told of their work.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Most endpoints of a team; 0 turns webhooks off.
    pub max_per_team: usize,
    /// Tell `http://` endpoints too.
    pub allow_http: bool,
    /// Networks to tell although they are not public, separated by commas, e.g. `10.1.0.0/16`. Never the metadata services of
    /// clouds.
    pub allow_networks: Option<String>,
    /// How long an endpoint may take to answer, milliseconds.
    pub timeout_ms: u64,
    /// How often new events are looked for, milliseconds.
    pub interval_ms: u64,
    /// How long an old secret signs beside its successor, seconds.
    pub rotation_s: u64,
    /// How long deliveries can be looked at and sent again, days; 0 keeps them.
    pub keep_days: u32,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            max_per_team: 10,
            allow_http: false,
            allow_networks: None,
            timeout_ms: 10_000,
            interval_ms: 1_000,
            rotation_s: 24 * 3_600,
            keep_days: 30,
        }
    }
}

impl WebhooksConfig {
    /// The networks of [`allow_networks`](Self::allow_networks).
    ///
    /// # Errors
    /// One of them is none.
    pub fn networks(&self) -> Result<Vec<Network>, MalformedNetwork> {
        listed(self.allow_networks.as_deref()).map(str::parse).collect()
    }
}
