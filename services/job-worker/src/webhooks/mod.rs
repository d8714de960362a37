//! Endpoints of teams, and how they are told of what became of work.
//!
//! Stores note with every end of a job, batch or background response that it is to be told. Here deliveries are made of that, one
//! for each endpoint that wants it (`dispatch.rs`), and told until somebody has heard (`tell.rs`, `verdict.rs`), each
//! signed as Standard Webhooks has it (`signing.rs`). What teams do with their endpoints is in `endpoints.rs` and
//! `deliveries.rs`.

mod deliveries;
mod dispatch;
mod endpoints;
mod error;
mod secrets;
pub(crate) mod signing;
mod span;
mod tell;
mod verdict;

pub(crate) use endpoints::{NewEndpoint, PatchEndpoint};
pub(crate) use error::WebhookError;

use chrono::{DateTime, SubsecRound as _, Utc};

use crate::JobWorker;

impl JobWorker {
    /// Now, as fine as stores keep it.
    fn moment(&self) -> DateTime<Utc> {
        self.ports.clock.now().trunc_subsecs(6)
    }
}
