//! One test suite per port; an adapter passes a factory of itself.
//!
//! The stores of people, keys and logins promise things of each other (a deleted user's keys are revoked, every
//! change is in the audit log), so each of their suites takes a store that is all of them: [`Stores`].

pub mod blobs;
pub mod limiter;

pub use blobs::blobs;
pub use limiter::{limiter, limiter_against_oracle};

mod alert_store;
mod at_once;
mod audit_log;
mod batch_store;
mod cache;
mod changed;
mod changes;
mod file_store;
mod job_store;
mod key_store;
mod last_admin;
mod ledger;
mod mcp_sessions;
mod pages;
mod policy_store;
mod prompt_store;
mod queue;
mod response_store;
mod route_store;
pub mod samples;
mod service_account_store;
mod session_store;
mod signing_key_store;
mod target_health;
mod team_store;
mod trail;
mod user_store;
mod webhook_store;

pub use alert_store::alert_store;
use at_once::at_once;
pub use audit_log::audit_log;
pub use batch_store::{BatchTables, batch_store};
pub use cache::cache;
pub use changes::changes;
pub use file_store::file_store;
pub use job_store::job_store;
pub use key_store::key_store;
pub use ledger::ledger;
pub use mcp_sessions::{MCP_BOUNDS, mcp_sessions, mcp_sessions_alike};
pub use policy_store::policy_store;
pub use prompt_store::prompt_store;
pub use queue::{queue, queue_dead_letters};
pub use response_store::response_store;
pub use route_store::route_store;
pub use service_account_store::service_account_store;
pub use session_store::session_store;
pub use signing_key_store::signing_key_store;
pub use target_health::target_health;
pub use team_store::team_store;
pub use user_store::user_store;
pub use webhook_store::{ToldStore, webhook_store};

use crate::{AuditLog, KeyStore, ServiceAccountStore, SessionStore, SigningKeyStore, TeamStore, UserStore};

/// Everything that the database keeps of people, programs, keys and logins, in one store.
pub trait Stores:
    AuditLog + KeyStore + ServiceAccountStore + SessionStore + SigningKeyStore + TeamStore + UserStore
{
}

impl<S> Stores for S where
    S: AuditLog + KeyStore + ServiceAccountStore + SessionStore + SigningKeyStore + TeamStore + UserStore
{
}
