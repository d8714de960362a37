//! Where batches are kept. Their halves in the engine are jobs ([`JobStore`](crate::JobStore)) in the same database: what
//! concerns both happens in one transaction.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{
    Batch, BatchError, BatchId, BatchPart, BatchStatus, BedrockBatch, Choice, FileId, Job, JobId, KeptLine,
    LeaseToken, Page, StoredFile, TeamId, Used,
};

use crate::PortError;

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmittedBatch {
    /// The batch is new.
    New,
    /// The team submitted under this idempotency key before: that job, and its batch.
    Existing(Box<Job>, Box<Batch>),
}

/// A batch whose file is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchBegun {
    /// The model of its lines, if it is one.
    pub model: Option<String>,
    /// How many lines there are.
    pub total: u64,
    /// How it is done.
    pub choice: Choice,
    /// Its parts, in order; their jobs are made from the batch's. Empty where Bedrock does all of it.
    pub parts: Vec<BatchPart>,
    /// When its job is looked at again, where nothing wakes it before.
    pub look_at: DateTime<Utc>,
}

/// What became of lines that a worker wants kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesKept {
    /// They are kept; those that were there before stayed as they were.
    Kept,
    /// The lease has passed to another, or the part was cancelled: nothing is kept.
    Lost,
}

/// What became of a part that a worker has finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartEnded {
    /// Others are still to be done.
    MoreLeft,
    /// It was the last: the batch's job waits for a nudge.
    WasLast,
    /// The lease has passed to another, or the part was cancelled: nothing changed.
    Lost,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchEnd {
    /// `completed`, `expired` or `cancelled`.
    pub status: BatchStatus,
    /// The files that were made for it; inserted with it, whatever quota there is.
    pub output: Option<StoredFile>,
    /// Likewise.
    pub errors: Option<StoredFile>,
    /// How many lines ended how, those counted that were never tried.
    pub completed: u64,
    /// Likewise.
    pub failed: u64,
    /// Blobs that nobody needs from then on, besides those of its parts and lines: they are noted as left over with the end.
    pub leftovers: Vec<String>,
}

/// Records of batches.
#[async_trait]
pub trait BatchStore: Send + Sync + 'static {
    /// Adds a batch and its queued job, unless its team already has one with the same idempotency key.
    async fn submit_batch(&self, job: &Job, batch: &Batch) -> Result<SubmittedBatch, PortError>;

    /// The batch with this id; its counts are those of the moment.
    async fn lookup_batch(&self, id: BatchId) -> Result<Option<Batch>, PortError>;

    /// A team's batches, newest first. `after` is the last id of the page before.
    async fn list_batches(
        &self,
        team: TeamId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Page<Batch>, PortError>;

    /// Whether a file is the input of a batch that has not ended: it must not be removed.
    async fn is_file_in_use(&self, file: FileId) -> Result<bool, PortError>;

    /// From `validating` to `in_progress`: the parts are there, and their jobs queued. The batch's own job goes back to the
    /// queue until `look_at`. `false` if the lease has passed to another or the batch stands otherwise.
    async fn begin_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        begun: &BatchBegun,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// From `validating` to `failed`, and the job with it.
    async fn reject_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        errors: &[BatchError],
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Notes what Bedrock does of a batch (or, with `None`, that it does nothing any more) and the choice as it is now.
    async fn bedrock_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        bedrock: Option<&BedrockBatch>,
        choice: &Choice,
    ) -> Result<bool, PortError>;

    /// Adds parts to a batch in progress, and queues their jobs: what Bedrock did not do.
    async fn add_parts(
        &self,
        id: BatchId,
        lease: LeaseToken,
        parts: &[BatchPart],
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// From `validating` or `in_progress` (or `failed`, if its job was set aside) to `cancelling`: parts that wait are cancelled, those that run are told when they
    /// renew their lease, and the batch's job is due at once. Gives the batch as it is then; one that is further stays so.
    async fn cancel_batch(&self, id: BatchId, now: DateTime<Utc>) -> Result<Option<Batch>, PortError>;

    /// The same for a batch whose time is over, by whoever has the lease of its job; the status stays `in_progress`, and the
    /// parts become `expired`.
    async fn stop_parts(&self, id: BatchId, lease: LeaseToken, now: DateTime<Utc>)
    -> Result<bool, PortError>;

    /// The part that a job works off, with the id of its batch.
    async fn lookup_part(&self, job: JobId) -> Result<Option<(BatchId, BatchPart)>, PortError>;

    /// A batch's parts, in order of their numbers.
    async fn batch_parts(&self, id: BatchId) -> Result<Vec<BatchPart>, PortError>;

    /// Keeps lines of a part, and adds them to its counts: the first text that is kept of a line stays.
    async fn keep_lines(
        &self,
        part: JobId,
        lease: LeaseToken,
        lines: &[KeptLine],
    ) -> Result<LinesKept, PortError>;

    /// The numbers of the lines of a part that are kept.
    async fn kept_numbers(&self, part: JobId) -> Result<Vec<u64>, PortError>;

    /// The kept lines of a part after this number, in order.
    async fn kept_lines(&self, part: JobId, after: u64, limit: usize) -> Result<Vec<KeptLine>, PortError>;

    /// Ends a part whose lines are all kept: its texts are in these blobs now, and its lines are forgotten; their blobs are noted
    /// as left over. The last is the one after which none is queued or running, whatever became of the others.
    async fn finish_part(
        &self,
        part: JobId,
        lease: LeaseToken,
        output: Option<&str>,
        errors: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<PartEnded, PortError>;

    /// From `in_progress` to `finalizing` (a batch that is `cancelling`, or was never begun, stays so); `false` as above.
    async fn finalize_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Ends a batch and its job; its parts and their lines are forgotten, but for the sum of what they used. Their blobs are
    /// noted as left over.
    async fn finish_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        end: &BatchEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Adds what was used past the parts, as by Bedrock.
    async fn add_batch_use(&self, id: BatchId, lease: LeaseToken, used: Used) -> Result<bool, PortError>;
}
