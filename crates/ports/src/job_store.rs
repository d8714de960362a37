//! Where jobs are kept: the truth, of which queue messages are only a nudge.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{Job, JobId, LeaseToken, Page, TeamId};

use crate::PortError;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The job is new.
    New,
    /// The team submitted under this idempotency key before; this is that job.
    Existing(Box<Job>),
}

/// How a claimed job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Answered: the HTTP status and the blob key of the answer. Below 400 it succeeded, else it failed.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Blob key of the answer.
        output: String,
    },
    /// Given up; why, in words for its owner.
    GaveUp {
        /// Why.
        error: String,
    },
    /// Back to the queue, to be tried again.
    Retry,
}

/// Records of jobs.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Adds a queued job, unless its team already has one with the same idempotency key.
    async fn submit_job(&self, job: &Job) -> Result<Submitted, PortError>;

    /// The job with this id.
    async fn lookup_job(&self, id: JobId) -> Result<Option<Job>, PortError>;

    /// A team's jobs, newest first. `after` is the last id of the page before.
    async fn list_jobs(
        &self,
        team: TeamId,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError>;

    /// Takes a job for work until `lease_until`: one that is queued, or running under a lease that is over.
    /// `None` if there is nothing to take. Each claim gives a greater token.
    async fn claim_job(
        &self,
        id: JobId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<(Job, LeaseToken)>, PortError>;

    /// Prolongs a lease; `false` if it has passed to another or the job was cancelled.
    async fn renew_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Ends a claimed job; `false` (and nothing changed) if the lease has passed to another or it is cancelled.
    async fn finish_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        finish: &Finish,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Cancels a job that is not final; gives the job as it is then. `None` if there is no such job.
    async fn cancel_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError>;

    /// Jobs that may have lost their nudge: queued and unchanged since `before`, or running under a lease that
    /// ended before it; oldest first.
    async fn stale_jobs(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<JobId>, PortError>;
}
