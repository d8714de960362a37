//! The job worker: model calls that somebody else waits for.
//!
//! A job's row in the store is the truth; a queue message is only a nudge to look at it, and may come late,
//! twice or never ([`sweep`](JobWorker::run) makes up for the last). [`JobWorker`] submits and runs jobs over
//! ports; it calls models through the inference service, as the job's owner. Start at `run_job.rs`.
//!
//! [`LedgerUpkeep`] works beside it: months of the ledger, and alerts about budgets.

mod alerts;
mod batches;
mod desk;
mod files;
mod ledger_upkeep;
mod metrics;
mod nudge;
mod owner;
mod redrive;
mod rest;
mod retention;
mod routes;
mod run_call;
mod run_job;
mod service;
mod submit;
mod sweep;
mod turn;
mod ways;
mod webhooks;
mod worker;

pub use desk::LocalDesk;
pub use ledger_upkeep::{LedgerUpkeep, UnfitWebhook, UpkeepOptions, UpkeepPorts, Webhook, archive};
pub use nudge::QueueName;
pub use routes::routes;
pub use service::{JobOptions, JobPorts, JobWorker};
pub use submit::{Deadline, Submission, SubmitError};
