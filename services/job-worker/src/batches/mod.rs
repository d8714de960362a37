//! Batches: a file of lines checked, cut into parts, worked off, put together.
//!
//! A batch as a whole is a job that mostly waits ([`coordinate`]); its parts are jobs as well ([`part`]), and any worker takes
//! them. A part's lines are called under a bound that the whole process shares ([`gate`]), and kept in groups ([`keep`]). What
//! is kept of a line stays, so that whoever follows a dead worker repeats no more than what it had under way.

mod check;
mod coordinate;
mod cut;
mod finish;
mod gate;
mod keep;
mod late;
mod line;
mod line_span;
mod output;
mod part;
pub(crate) mod reader;
mod submit;

use std::time::Duration;

use outcrop_ports::{Finish, PortError, PortFailure};
use outcrop_types::{Job, LeaseToken};

pub(crate) use gate::LineGate;
pub(crate) use submit::{BatchSubmission, SubmitBatchError};

use crate::JobWorker;
use crate::run_job::Ran;

/// How long to leave a batch alone when a store, the blobs or the queue are away.
const PAUSE: Duration = Duration::from_secs(5);

impl JobWorker {
    /// What becomes of a batch or a part that a port failed under: what is away comes back, and that is not the job's fault.
    fn interrupted(&self, job: &Job, error: &PortError) -> Ran {
        tracing::warn!(job.id = %job.id, error = error.chain(), "a batch was interrupted");
        let not_before = self.ports.clock.now() + PAUSE;
        Ran::Finish(match error.failure {
            PortFailure::Unavailable | PortFailure::Conflict => Finish::Later { not_before, used: None },
            PortFailure::Broken if job.attempts < self.options.jobs.max_attempts => {
                Finish::Retry { not_before, used: None }
            }
            PortFailure::Broken => Finish::GaveUp { error: error.to_string(), dead: true },
        })
    }
}

/// The blob of a part's, or a batch's, answers (`output`) or failures (`errors`). With the lease in its name: who has lost it
/// cannot change what its successor wrote.
fn blob_of(batch: outcrop_types::BatchId, part: Option<u32>, what: &str, lease: LeaseToken) -> String {
    let lease = lease.0;
    match part {
        Some(number) => format!("batches/{batch}/parts/{number}/{what}-{lease}.jsonl"),
        None => format!("batches/{batch}/{what}-{lease}.jsonl"),
    }
}
