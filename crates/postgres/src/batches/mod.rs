//! The tables `batches`, `batch_parts` and `batch_lines`, and the rows of `jobs` that stand behind them.

mod jobs;
mod lines;
mod parts;
mod row;
mod states;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{
    BatchBegun, BatchEnd, BatchStore, JobStore as _, LinesKept, PartEnded, PortError, SubmittedBatch,
};
use outcrop_types::{
    Batch, BatchError, BatchId, BatchPart, BedrockBatch, Choice, FileId, Job, JobId, KeptLine, LeaseToken,
    Page, TeamId, Used,
};
use sqlx::QueryBuilder;

use crate::PostgresStore;
use crate::jobs::insert_job;
use crate::rows::{one_more, unreadable};
use row::{BatchRow, columns};

#[async_trait]
impl BatchStore for PostgresStore {
    async fn submit_batch(&self, job: &Job, batch: &Batch) -> Result<SubmittedBatch, PortError> {
        const ATTEMPTED: &str = "submit a batch";
        let added = self
            .transact(ATTEMPTED, async |connection| {
                if !insert_job(connection, job).await? {
                    return Ok(false);
                }
                row::insert(connection, batch).await?;
                states::event(connection, batch.id, batch.status, batch.created_at).await?;
                Ok(true)
            })
            .await?;
        if added { Ok(SubmittedBatch::New) } else { self.submitted_before(job).await }
    }

    async fn lookup_batch(&self, id: BatchId) -> Result<Option<Batch>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM batches WHERE id = $1"));
        let row: Option<BatchRow> =
            self.fetch_optional("look up a batch", query.bind(id.to_string())).await?;
        row.map(BatchRow::read).transpose()
    }

    async fn list_batches(
        &self,
        team: TeamId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Page<Batch>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM batches WHERE team_id = "));
        query.push_bind(team.to_string());
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<BatchRow> = self.fetch_all("list batches", query.build_query_as()).await?;
        let batches = rows.into_iter().map(BatchRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(batches, limit))
    }

    async fn is_file_in_use(&self, file: FileId) -> Result<bool, PortError> {
        let query = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM batches WHERE input_file_id = $1
                 AND status IN ('validating', 'in_progress', 'finalizing', 'cancelling'))",
        )
        .bind(file.to_string());
        let found: Option<(bool,)> = self.fetch_optional("look for batches of a file", query).await?;
        Ok(found.is_some_and(|(found,)| found))
    }

    async fn begin_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        begun: &BatchBegun,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("begin a batch", async |it| states::begin(it, id, lease, begun, now).await).await
    }

    async fn reject_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        errors: &[BatchError],
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("reject a batch", async |it| states::reject(it, id, lease, errors, now).await).await
    }

    async fn bedrock_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        bedrock: Option<&BedrockBatch>,
        choice: &Choice,
    ) -> Result<bool, PortError> {
        self.transact("note what Bedrock does of a batch", async |it| {
            states::bedrock(it, id, lease, bedrock, choice).await
        })
        .await
    }

    async fn add_parts(
        &self,
        id: BatchId,
        lease: LeaseToken,
        parts: &[BatchPart],
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("add parts to a batch", async |it| states::add_parts(it, id, lease, parts, now).await)
            .await
    }

    async fn cancel_batch(&self, id: BatchId, now: DateTime<Utc>) -> Result<Option<Batch>, PortError> {
        self.transact("cancel a batch", async |it| states::cancel(it, id, now).await).await?;
        self.lookup_batch(id).await
    }

    async fn stop_parts(
        &self,
        id: BatchId,
        lease: LeaseToken,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("stop the parts of a batch", async |it| states::stop(it, id, lease, now).await).await
    }

    async fn lookup_part(&self, job: JobId) -> Result<Option<(BatchId, BatchPart)>, PortError> {
        self.run("look up a part of a batch", async |it| parts::lookup(it, job).await).await
    }

    async fn batch_parts(&self, id: BatchId) -> Result<Vec<BatchPart>, PortError> {
        self.run("list the parts of a batch", async |it| parts::list(it, id).await).await
    }

    async fn keep_lines(
        &self,
        part: JobId,
        lease: LeaseToken,
        lines: &[KeptLine],
    ) -> Result<LinesKept, PortError> {
        self.transact("keep lines of a batch", async |it| lines::keep(it, part, lease, lines).await).await
    }

    async fn kept_numbers(&self, part: JobId) -> Result<Vec<u64>, PortError> {
        self.run("list the kept lines of a batch", async |it| lines::numbers(it, part).await).await
    }

    async fn kept_lines(&self, part: JobId, after: u64, limit: usize) -> Result<Vec<KeptLine>, PortError> {
        self.run("read the kept lines of a batch", async |it| lines::read(it, part, after, limit).await).await
    }

    async fn finish_part(
        &self,
        part: JobId,
        lease: LeaseToken,
        output: Option<&str>,
        errors: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<PartEnded, PortError> {
        self.transact("finish a part of a batch", async |it| {
            parts::finish(it, part, lease, [output, errors], now).await
        })
        .await
    }

    async fn finalize_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("finalize a batch", async |it| states::finalize(it, id, lease, now).await).await
    }

    async fn finish_batch(
        &self,
        id: BatchId,
        lease: LeaseToken,
        end: &BatchEnd,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("finish a batch", async |it| states::finish(it, id, lease, end, now).await).await
    }

    async fn add_batch_use(&self, id: BatchId, lease: LeaseToken, used: Used) -> Result<bool, PortError> {
        self.transact("add to what a batch used", async |it| {
            let job = jobs::of(id);
            if !jobs::is_held(it, job, lease).await? {
                return Ok(false);
            }
            jobs::add_use(it, job, used).await?;
            Ok(true)
        })
        .await
    }
}

impl PostgresStore {
    /// What stood in the way of a submission: one under the same idempotency key.
    async fn submitted_before(&self, job: &Job) -> Result<SubmittedBatch, PortError> {
        const ATTEMPTED: &str = "submit a batch";
        let existing = self.run(ATTEMPTED, async |it| jobs::of_key(it, job).await).await?;
        let Some(existing) = existing else { return Err(PortError::conflict(ATTEMPTED)) };
        let (found, batch) =
            (self.lookup_job(existing).await?, self.lookup_batch(BatchId::new(existing.uuid())).await?);
        match (found, batch) {
            (Some(job), Some(batch)) => Ok(SubmittedBatch::Existing(Box::new(job), Box::new(batch))),
            // The key is that of a job of another kind.
            _ => Err(PortError::conflict(ATTEMPTED)),
        }
    }
}

/// A number as Postgres holds it.
fn signed(number: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(number).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Rows read one by one, as an error of the database.
fn read_all<R, T>(rows: Vec<R>, read: impl Fn(R) -> Result<T, PortError>) -> Result<Vec<T>, sqlx::Error> {
    rows.into_iter().map(|row| read(row).map_err(unreadable)).collect()
}
