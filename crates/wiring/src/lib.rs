//! From settings to ports: the only place that chooses an adapter, by the scheme of a URL.
//!
//! One function per port or group of ports; mains call those their service needs. Nothing here serves
//! requests, and nothing below knows which adapter it got. Errors are one clear line each.
//! Start reading at [`stores`] or [`models`].

mod aws;
mod data_dir;
mod error;
mod federation;
mod ledger;
mod log_filter;
mod media;
mod models;
mod objects;
mod peers;
mod places;
mod process;
mod routes;
mod secrets;
mod shared;
mod stores;
mod telemetry;
mod usage_export;
mod work;

use std::sync::Arc;

use outcrop_embedded::{MemoryLimiter, SystemClock, SystemIdGen};
use outcrop_ports::{Clock, IdGen, Limiter};

pub use aws::{AwsCaller, aws_caller, aws_endpoint, bedrock_quotas};
pub use data_dir::make_data_dir;
pub use error::WiringError;
pub use federation::federation;
pub use log_filter::follow_log;
pub use media::media;
pub use models::{Looked, Models, Upkeep, check_models, models, models_looked_at, names};
pub use objects::S3Objects;
pub use outcrop_aws::{Quota, install_crypto};
pub use peers::{RankedProbe, authenticator, inference, outbound, services};
pub use process::{BAD_SETTINGS_EXIT_CODE, Process, ServiceError, run_service};
pub use routes::{regions, routes_refused};
pub use secrets::{
    audit_sealer, internal_secret, key_secret, mcp_sealer, references, resolve, secrets_of, signer, verifier,
};
pub use shared::{
    Probed, answers, blobs, changes, limiter, mcp_sessions, queue, shared_queue, target_health,
};
pub use stores::{Stores, is_sqlite, migrated_stores, sqlite_file, stores};
pub use telemetry::{Telemetry, start_log, start_telemetry};
pub use work::{batch_models, job_desk, secret_sealer, webhook_outbound};

/// The time of this machine.
#[must_use]
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// Ids and secrets from this machine's randomness.
#[must_use]
pub fn ids() -> Arc<dyn IdGen> {
    Arc::new(SystemIdGen)
}

/// Counts in this process alone: what a service falls back on.
#[must_use]
pub fn local_limiter() -> Arc<dyn Limiter> {
    Arc::new(MemoryLimiter::default())
}
