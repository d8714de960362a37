//! How claims end, and jobs with them; and back again.

use chrono::{DateTime, Utc};
use outcrop_ports::{Finish, PortError};
use outcrop_types::{BatchError, BatchId, Job, JobId, JobKind, JobState, LeaseToken, Used};
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::rows::{JobRow, columns};
use crate::SqliteStore;
use crate::events::{NewEvent, add_call_event, add_event};
use crate::rows::{json_text, micros, unreadable};

/// What a [`Finish`] makes of a row.
struct Ending<'a> {
    state: JobState,
    happened: &'static str,
    status: Option<u16>,
    output: Option<&'a str>,
    used: Option<Used>,
    error: Option<&'a str>,
    dead: bool,
    not_before: Option<DateTime<Utc>>,
    given_back: i64,
}

impl<'a> Ending<'a> {
    fn of(finish: &'a Finish) -> Self {
        let plain = Self {
            state: JobState::Queued,
            happened: "queued",
            status: None,
            output: None,
            used: None,
            error: None,
            dead: false,
            not_before: None,
            given_back: 0,
        };
        match finish {
            Finish::Answered { status, output, used } => {
                let succeeded = *status < 400;
                Self {
                    state: if succeeded { JobState::Succeeded } else { JobState::Failed },
                    happened: if succeeded { "succeeded" } else { "failed" },
                    status: Some(*status),
                    output: Some(output),
                    used: Some(*used),
                    ..plain
                }
            }
            Finish::GaveUp { error, dead } => {
                Self { state: JobState::Failed, happened: "failed", error: Some(error), dead: *dead, ..plain }
            }
            Finish::Expired => Self { state: JobState::Expired, happened: "expired", ..plain },
            Finish::Retry { not_before, used } => {
                Self { happened: "retrying", not_before: Some(*not_before), used: *used, ..plain }
            }
            Finish::Later { not_before, used } => {
                Self { not_before: Some(*not_before), used: *used, given_back: 1, ..plain }
            }
        }
    }

    /// What is worth knowing of it.
    fn data(&self, job: &Job) -> Value {
        match self.state {
            JobState::Queued => json!({ "attempt": job.attempts, "not_before": self.not_before }),
            JobState::Running => json!({}),
            JobState::Succeeded | JobState::Failed | JobState::Cancelled | JobState::Expired => {
                ended_data(job)
            }
        }
    }
}

impl SqliteStore {
    pub(super) async fn end_claim(
        &self,
        id: JobId,
        lease: LeaseToken,
        finish: &Finish,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.transact("finish a job", async |connection| {
            let ending = Ending::of(finish);
            let Some(job) = write_ending(connection, id, lease, &ending, now).await? else {
                return Ok(false);
            };
            add_call_event(connection, &job, ending.happened, &ending.data(&job), now).await?;
            if job.state.is_final() {
                match (job.kind, job.parent) {
                    (JobKind::Part, Some(batch)) => wake_batch(connection, batch, now).await?,
                    (JobKind::Batch, _) => fail_batch(connection, &job, now).await?,
                    (JobKind::Call | JobKind::Part, _) => {}
                }
            }
            Ok(true)
        })
        .await
    }

    pub(super) async fn cancel_call(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError> {
        self.transact("cancel a job", async |connection| {
            let row: Option<JobRow> = sqlx::query_as(concat!(
                "UPDATE jobs SET state = 'cancelled', updated_at = $2, ended_at = $2, lease_until = NULL,
                                 not_before = NULL
                 WHERE id = $1 AND kind = 'call' AND state IN ('queued', 'running') RETURNING ",
                columns!()
            ))
            .bind(id.to_string())
            .bind(micros(now))
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(row) = row {
                let job = row.read().map_err(unreadable)?;
                add_call_event(connection, &job, "cancelled", &ended_data(&job), now).await?;
                return Ok(Some(job));
            }
            // Final, and so it stays; or there is none.
            let row: Option<JobRow> =
                sqlx::query_as(concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1 AND kind = 'call'"))
                    .bind(id.to_string())
                    .fetch_optional(&mut *connection)
                    .await?;
            row.map(JobRow::read).transpose().map_err(unreadable)
        })
        .await
    }

    pub(super) async fn redrive_dead_job(
        &self,
        id: JobId,
        now: DateTime<Utc>,
    ) -> Result<Option<Job>, PortError> {
        self.transact("send a job back to the queue", async |connection| {
            let Some(job) = revive(connection, id, now).await? else { return Ok(None) };
            match (job.kind, job.parent) {
                (JobKind::Call, _) => {
                    add_call_event(connection, &job, "queued", &json!({ "redriven": true }), now).await?;
                }
                (JobKind::Batch, _) => resume_batch(connection, &job, now).await?,
                (JobKind::Part, Some(batch)) => {
                    if let Some(batch) = revive(connection, batch, now).await? {
                        resume_batch(connection, &batch, now).await?;
                    }
                }
                (JobKind::Part, None) => {}
            }
            Ok(Some(job))
        })
        .await
    }
}

/// What is worth knowing of a job that has ended.
fn ended_data(job: &Job) -> Value {
    json!({
        "status": job.state.name(),
        "http_status": job.status,
        "error": job.error,
        "cost_usd": job.used.cost,
        "attempts": job.attempts,
    })
}

async fn write_ending(
    connection: &mut SqliteConnection,
    id: JobId,
    lease: LeaseToken,
    ending: &Ending<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Job>, sqlx::Error> {
    let row: Option<JobRow> = sqlx::query_as(concat!(
        "UPDATE jobs
         SET state = $3, status = $4, output = $5, error = $6, dead = $7, used = coalesce($8, used), ended_at = $9,
             not_before = $10, attempts = max(attempts - $11, 0), updated_at = $12, lease_until = NULL
         WHERE id = $1 AND state = 'running' AND lease = $2 RETURNING ",
        columns!()
    ))
    .bind(id.to_string())
    .bind(lease.0)
    .bind(ending.state.name())
    .bind(ending.status.map(i64::from))
    .bind(ending.output)
    .bind(ending.error)
    .bind(ending.dead)
    .bind(ending.used.as_ref().map(json_text).transpose()?)
    .bind(ending.state.is_final().then(|| micros(now)))
    .bind(ending.not_before.map(micros))
    .bind(ending.given_back)
    .bind(micros(now))
    .fetch_optional(connection)
    .await?;
    row.map(JobRow::read).transpose().map_err(unreadable)
}

/// Lets a batch be looked at again once none of its parts is left to be done.
pub(crate) async fn wake_batch(
    connection: &mut SqliteConnection,
    batch: JobId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE jobs SET not_before = $2 WHERE id = $1 AND state = 'queued' AND NOT EXISTS (
             SELECT 1 FROM jobs AS part WHERE part.parent_id = $1 AND part.state IN ('queued', 'running'))",
    )
    .bind(batch.to_string())
    .bind(micros(now))
    .execute(connection)
    .await
    .map(drop)
}

/// A batch whose job was given up has failed. Its parts go on: it may be sent back to the queue.
async fn fail_batch(
    connection: &mut SqliteConnection,
    job: &Job,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let error = BatchError {
        code: "internal_error".to_owned(),
        message: job.error.clone().unwrap_or_else(|| "the batch was not done in time".to_owned()),
        param: None,
        line: None,
    };
    sqlx::query("UPDATE batches SET status = 'failed', failed_at = $2, errors = $3 WHERE job_id = $1")
        .bind(job.id.to_string())
        .bind(micros(now))
        .bind(json_text(&[error])?)
        .execute(&mut *connection)
        .await?;
    add_batch_event(connection, job, "batch.failed", &ended_data(job), now).await
}

/// Takes a job that was set aside back, unless it is a part of a batch that has ended for good.
async fn revive(
    connection: &mut SqliteConnection,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<Option<Job>, sqlx::Error> {
    let row: Option<JobRow> = sqlx::query_as(concat!(
        "UPDATE jobs
         SET state = 'queued', attempts = 0, dead = FALSE, error = NULL, status = NULL, ended_at = NULL,
             not_before = NULL, updated_at = $2, nudged_at = $2
         WHERE id = $1 AND dead AND (parent_id IS NULL OR EXISTS (
             SELECT 1 FROM jobs AS batch
             WHERE batch.id = jobs.parent_id AND (batch.dead OR batch.state IN ('queued', 'running'))))
         RETURNING ",
        columns!()
    ))
    .bind(id.to_string())
    .bind(micros(now))
    .fetch_optional(connection)
    .await?;
    row.map(JobRow::read).transpose().map_err(unreadable)
}

/// Puts a batch that had failed back to where it stood.
async fn resume_batch(
    connection: &mut SqliteConnection,
    job: &Job,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let resumed: Option<(String,)> = sqlx::query_as(
        "UPDATE batches
         SET failed_at = NULL, errors = '[]',
             status = CASE WHEN cancelling_at IS NOT NULL THEN 'cancelling'
                           WHEN finalizing_at IS NOT NULL THEN 'finalizing'
                           WHEN in_progress_at IS NOT NULL THEN 'in_progress'
                           ELSE 'validating' END
         WHERE job_id = $1 AND status = 'failed' RETURNING status",
    )
    .bind(job.id.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some((status,)) = resumed else { return Ok(()) };
    let name = format!("batch.{status}");
    add_batch_event(connection, job, &name, &json!({ "redriven": true }), now).await
}

async fn add_batch_event(
    connection: &mut SqliteConnection,
    job: &Job,
    name: &str,
    data: &Value,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let event = NewEvent {
        job: job.id,
        team: job.principal.team,
        name,
        subject: &BatchId::new(job.id.uuid()).to_string(),
        data,
        tells: job.state.is_final(),
    };
    add_event(connection, &event, now).await
}
