//! Where jobs are kept: the truth, of which queue messages are only a nudge.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{
    Choice, IdempotencyKey, Job, JobEvent, JobId, JobKind, JobState, LeaseToken, Page, Priority, TeamId, Used,
};

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
        /// What all of its attempts used.
        used: Used,
    },
    /// Given up; why, in words for its owner.
    GaveUp {
        /// Why.
        error: String,
        /// Whether it is set aside, to be sent back to the queue by hand.
        dead: bool,
    },
    /// Its deadline is over.
    Expired,
    /// Back to the queue after a failed attempt, to be tried again.
    Retry {
        /// Not to be claimed before.
        not_before: DateTime<Utc>,
        /// What all of its attempts have used by now; `None` leaves what is known of that.
        used: Option<Used>,
    },
    /// Back to the queue, to be done later: the claim does not count as an attempt.
    Later {
        /// Not to be claimed before.
        not_before: DateTime<Utc>,
        /// What all of its attempts have used by now; `None` leaves what is known of that.
        used: Option<Used>,
    },
}

/// How jobs are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimTerms {
    /// Now.
    pub now: DateTime<Utc>,
    /// Until when the claim holds.
    pub lease_until: DateTime<Utc>,
    /// Most jobs of one team that run at once, over all workers. Batches as a whole do not count: they only wait.
    pub most_per_team: usize,
}

/// A team that has something to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TeamDue {
    /// Which.
    pub team: TeamId,
    /// How many jobs of it run, over all workers, without batches as a whole.
    pub running: u64,
    /// Whether it is a batch as a whole.
    pub batch: bool,
    /// The most urgent of what is not being tried again.
    pub urgent: Option<Priority>,
}

/// Which jobs to list. Parts of batches are never listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this team's.
    pub team: Option<TeamId>,
    /// Only those that stand so. A batch that was begun runs until it has ended, whoever holds it or not.
    pub state: Option<JobState>,
    /// Only this kind.
    pub kind: Option<JobKind>,
    /// Only calls of this path, and batches of such calls.
    pub path: Option<String>,
    /// Only those that were set aside; then parts of batches are listed as well.
    pub dead: bool,
    /// Only those with this entry in their metadata.
    pub metadata: Option<(String, String)>,
}

/// How much work there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Could be worked on now.
    pub due: u64,
    /// Shall be tried later; without batches as a whole, which wait for their parts.
    pub later: u64,
    /// Under a lease that holds.
    pub running: u64,
    /// For how long that has been due which has been due the longest, seconds.
    pub oldest_s: u64,
    /// Set aside.
    pub dead: u64,
}

/// Records of jobs. Every change of where a call stands adds an event to it, in the same transaction: `job.queued`,
/// `.running`, `.retrying`, `.succeeded`, `.failed`, `.cancelled`, `.expired`; of a background response `response.` and the
/// same, but for `response.completed` where a job has succeeded and `response.failed` where it has expired. Ends say `status`,
/// `http_status`, `error`, `cost_usd` and `attempts`. The events of a batch are named for its
/// [`BatchStatus`](outcrop_types::BatchStatus): `batch.validating`, … Parts of batches have no events.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Adds a queued job, unless its team already has one with the same idempotency key.
    async fn submit_job(&self, job: &Job) -> Result<Submitted, PortError>;

    /// The job with this id.
    async fn lookup_job(&self, id: JobId) -> Result<Option<Job>, PortError>;

    /// What a team submitted under this idempotency key: a call, or the job of a batch.
    async fn lookup_submitted(&self, team: TeamId, key: &IdempotencyKey) -> Result<Option<Job>, PortError>;

    /// How many calls and batches of a team are queued or running; counts no further than `most`.
    async fn count_open_jobs(&self, team: TeamId, most: usize) -> Result<usize, PortError>;

    /// Calls and batches, newest first. `after` is the last id of the page before.
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError>;

    /// Takes the job whose turn it is: one that is queued and not to be left alone for longer, or running under a lease that
    /// is over. Of several teams, that with the fewest jobs running goes first, of these the one whose last claim is the longest
    /// ago, and none goes past its most; of one team's, the more urgent first (batches as a whole before all), then the older.
    /// (Of more than a hundred that shall be tried again and are due, those due first are compared.) Each claim counts as an
    /// attempt and gives a greater token. `None` if there is nothing to do now. Claimers at once get different jobs, and
    /// together they do not go past a team's most either.
    async fn claim_job(&self, terms: ClaimTerms) -> Result<Option<(Job, LeaseToken)>, PortError>;

    /// Teams that have something due, in the order of their turns, whatever most there is of a team.
    async fn teams_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<TeamDue>, PortError>;

    /// Prolongs a lease; `false` if it has passed to another or the job was cancelled.
    async fn renew_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Ends a claimed job; `false` (and nothing changed) if the lease has passed to another or it is cancelled. A batch whose
    /// job is given up has failed. A batch whose last open part ends is due.
    async fn finish_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        finish: &Finish,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Notes how a claimed job is done; `false` if the lease has passed to another.
    async fn choose_job(&self, id: JobId, lease: LeaseToken, choice: &Choice) -> Result<bool, PortError>;

    /// Cancels a call that is not final; gives the job as it is then. `None` if there is no such call. (A batch is
    /// cancelled by [`BatchStore::cancel_batch`](crate::BatchStore::cancel_batch).)
    async fn cancel_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError>;

    /// Sends a job that was set aside back to the queue, with all its attempts before it; gives the job as it is then.
    /// `None` if there is no such job, or it was not set aside. A batch stands again where it stood. A part takes its batch
    /// with it, if that was set aside too; where the batch has ended otherwise, there is no such job.
    async fn redrive_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError>;

    /// What happened to a job after the event with this number, in order.
    async fn job_events(&self, id: JobId, after: u32, limit: usize) -> Result<Vec<JobEvent>, PortError>;

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

    /// How much work there is.
    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, PortError>;

    /// Notes that a worker is alive until then, if nothing more is heard of it. `worker` names its process.
    async fn note_worker(
        &self,
        worker: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), PortError>;

    /// How many workers are alive.
    async fn count_workers(&self, now: DateTime<Utc>) -> Result<u64, PortError>;

    /// Calls and batches that ended before this, oldest first: their blobs can be removed, and then their rows.
    async fn ended_jobs(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Job>, PortError>;

    /// Removes an ended job with all that is kept of it: parts, lines, events.
    async fn forget_job(&self, id: JobId) -> Result<(), PortError>;

    /// Notes names of blobs that nobody needs any more, so that they are removed whatever becomes of who noted them. Names that
    /// are noted already stay so. (What ends a batch or a part notes its own, with the end.)
    async fn note_leftovers(&self, blobs: &[String]) -> Result<(), PortError>;

    /// Names of blobs to remove, in order, those after this one.
    async fn leftovers(&self, after: &str, limit: usize) -> Result<Vec<String>, PortError>;

    /// Strikes off blobs that are removed. Others are none of them.
    async fn forget_leftovers(&self, blobs: &[String]) -> Result<(), PortError>;
}
