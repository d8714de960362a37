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
    /// Back to the queue after a failed attempt, to be tried again.
    Retry {
        /// Not to be claimed before.
        not_before: DateTime<Utc>,
    },
    /// Back to the queue, to be done later: the claim does not count as an attempt.
    Later {
        /// Not to be claimed before.
        not_before: DateTime<Utc>,
    },
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The job is the claimer's, under this lease.
    Taken(Box<Job>, LeaseToken),
    /// Not now: it runs under a lease that is not over, or shall not be tried yet.
    Busy {
        /// When to look again.
        until: DateTime<Utc>,
    },
    /// It has ended, or there is no such job.
    Done,
}

/// Records of jobs.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Adds a queued job, unless its team already has one with the same idempotency key.
    async fn submit_job(&self, job: &Job) -> Result<Submitted, PortError>;

    /// The job with this id.
    async fn lookup_job(&self, id: JobId) -> Result<Option<Job>, PortError>;

    /// How many jobs of a team are queued or running; counts no further than `most`.
    async fn count_open_jobs(&self, team: TeamId, most: usize) -> Result<usize, PortError>;

    /// A team's jobs, newest first. `after` is the last id of the page before.
    async fn list_jobs(
        &self,
        team: TeamId,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError>;

    /// Takes a job for work until `lease_until`: one that is queued and not to be left alone for longer, or
    /// running under a lease that is over. Each claim counts as an attempt and gives a greater token.
    async fn claim_job(
        &self,
        id: JobId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Claim, PortError>;

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

    /// Takes jobs that may have lost their nudge, in order to nudge them at `now`: queued, unchanged and free
    /// to be claimed since `before`, or running under a lease that ended before it. A submission is a nudge;
    /// none is taken whose last nudge is not before `before`, so callers at once share the jobs out. Those
    /// that have waited for a nudge the longest come first where `limit` cuts; the result is in no order.
    async fn nudge_stale_jobs(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<JobId>, PortError>;
}
