//! How a batch goes from one status to the next: always with its job, its parts and an event, in one transaction.

use chrono::{DateTime, Utc};
use outcrop_ports::{BatchBegun, BatchEnd};
use outcrop_types::{
    BatchError, BatchId, BatchPart, BatchStatus, BedrockBatch, Choice, JobState, LeaseToken,
};
use sqlx::SqliteConnection;

use super::{jobs, parts, signed};
use crate::events::{NewEvent, add_event};
use crate::files;
use crate::leftovers::insert_leftovers;
use crate::rows::{Row, json_text, micros, unreadable};

pub(super) async fn begin(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    begun: &BatchBegun,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    if !jobs::is_held(connection, jobs::of(id), lease).await? {
        return Ok(false);
    }
    let query = sqlx::query(
        "UPDATE batches SET status = 'in_progress', in_progress_at = $2, model = $3, total = $4
         WHERE id = $1 AND status = 'validating'",
    )
    .bind(id.to_string())
    .bind(micros(now))
    .bind(begun.model.clone())
    .bind(signed(begun.total)?);
    if query.execute(&mut *connection).await?.rows_affected() != 1 {
        return Ok(false);
    }
    choose(connection, id, &begun.choice).await?;
    parts::insert(connection, id, &begun.parts, now).await?;
    jobs::park(connection, jobs::of(id), begun.look_at, now).await?;
    event(connection, id, BatchStatus::InProgress, now).await?;
    Ok(true)
}

pub(super) async fn reject(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    errors: &[BatchError],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    if !jobs::is_held(connection, jobs::of(id), lease).await? {
        return Ok(false);
    }
    let query = sqlx::query(
        "UPDATE batches SET status = 'failed', failed_at = $2, errors = $3 WHERE id = $1 AND status = 'validating'",
    )
    .bind(id.to_string())
    .bind(micros(now))
    .bind(json_text(&errors)?);
    if query.execute(&mut *connection).await?.rows_affected() != 1 {
        return Ok(false);
    }
    let why = errors.first().map_or("the file of the batch is no good", |error| &error.message);
    jobs::end(connection, jobs::of(id), JobState::Failed, Some(why), now).await?;
    event(connection, id, BatchStatus::Failed, now).await?;
    Ok(true)
}

pub(super) async fn bedrock(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    bedrock: Option<&BedrockBatch>,
    choice: &Choice,
) -> Result<bool, sqlx::Error> {
    if !jobs::is_held(connection, jobs::of(id), lease).await? {
        return Ok(false);
    }
    choose(connection, id, choice).await?;
    let query = sqlx::query("UPDATE batches SET bedrock = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(bedrock.map(json_text).transpose()?);
    query.execute(connection).await?;
    Ok(true)
}

pub(super) async fn add_parts(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    added: &[BatchPart],
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let held = jobs::is_held(connection, jobs::of(id), lease).await?;
    if !held || status(connection, id).await? != Some(BatchStatus::InProgress) {
        return Ok(false);
    }
    parts::insert(connection, id, added, now).await?;
    Ok(true)
}

pub(super) async fn cancel(
    connection: &mut SqliteConnection,
    id: BatchId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        // One whose job was set aside may still have parts that go on, and answers to hand out.
        "UPDATE batches SET status = 'cancelling', cancelling_at = $2, failed_at = NULL, errors = '[]'
         WHERE id = $1 AND (status IN ('validating', 'in_progress') OR (status = 'failed' AND EXISTS (
             SELECT 1 FROM jobs WHERE jobs.id = batches.job_id AND jobs.dead)))",
    )
    .bind(id.to_string())
    .bind(micros(now));
    if query.execute(&mut *connection).await?.rows_affected() == 1 {
        jobs::end_parts(connection, jobs::of(id), JobState::Cancelled, now).await?;
        jobs::wake(connection, jobs::of(id), now).await?;
        event(connection, id, BatchStatus::Cancelling, now).await?;
    }
    Ok(())
}

pub(super) async fn stop(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    if !jobs::is_held(connection, jobs::of(id), lease).await? {
        return Ok(false);
    }
    jobs::end_parts(connection, jobs::of(id), JobState::Expired, now).await?;
    Ok(true)
}

pub(super) async fn finalize(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    if !jobs::is_held(connection, jobs::of(id), lease).await? {
        return Ok(false);
    }
    match status(connection, id).await? {
        Some(BatchStatus::InProgress) => {
            let query =
                sqlx::query("UPDATE batches SET status = 'finalizing', finalizing_at = $2 WHERE id = $1")
                    .bind(id.to_string())
                    .bind(micros(now));
            query.execute(&mut *connection).await?;
            jobs::step_forward(connection, jobs::of(id)).await?;
            event(connection, id, BatchStatus::Finalizing, now).await?;
            Ok(true)
        }
        // One that was never begun has nothing to put together.
        Some(BatchStatus::Finalizing | BatchStatus::Cancelling | BatchStatus::Validating) => Ok(true),
        _ => Ok(false),
    }
}

pub(super) async fn finish(
    connection: &mut SqliteConnection,
    id: BatchId,
    lease: LeaseToken,
    end: &BatchEnd,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let held = jobs::is_held(connection, jobs::of(id), lease).await?;
    if !held || status(connection, id).await?.is_none_or(BatchStatus::is_final) {
        return Ok(false);
    }
    for file in [&end.output, &end.errors].into_iter().flatten() {
        files::insert(file).execute(&mut *connection).await?;
    }
    let used = parts::forget(connection, id).await?;
    insert_leftovers(connection, &end.leftovers).await?;
    jobs::add_use(connection, jobs::of(id), used).await?;
    let query = sqlx::query(
        "UPDATE batches SET status = $2, output_file_id = $3, error_file_id = $4, completed = $5, failed = $6,
             completed_at = CASE $2 WHEN 'completed' THEN $7 END, expired_at = CASE $2 WHEN 'expired' THEN $7 END,
             cancelled_at = CASE $2 WHEN 'cancelled' THEN $7 END
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(end.status.name())
    .bind(end.output.as_ref().map(|file| file.id.to_string()))
    .bind(end.errors.as_ref().map(|file| file.id.to_string()))
    .bind(signed(end.completed)?)
    .bind(signed(end.failed)?)
    .bind(micros(now));
    query.execute(&mut *connection).await?;
    jobs::end(connection, jobs::of(id), state_of(end.status), None, now).await?;
    event(connection, id, end.status, now).await?;
    Ok(true)
}

/// Notes that a batch has come to a status; of its end, endpoints are told.
pub(super) async fn event(
    connection: &mut SqliteConnection,
    id: BatchId,
    status: BatchStatus,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query_as("SELECT team_id FROM batches WHERE id = $1").bind(id.to_string());
    let (team,): (String,) = query.fetch_one(&mut *connection).await?;
    let event = NewEvent {
        job: jobs::of(id),
        team: Row { table: "batches", id: &id.to_string() }.parse("team_id", &team).map_err(unreadable)?,
        name: &format!("batch.{}", status.name()),
        subject: &id.to_string(),
        data: &serde_json::json!({ "status": status.name() }),
        tells: status.is_final(),
    };
    add_event(connection, &event, now).await
}

/// Where the job of a batch stands that ended so.
fn state_of(status: BatchStatus) -> JobState {
    match status {
        BatchStatus::Cancelled => JobState::Cancelled,
        BatchStatus::Expired => JobState::Expired,
        _ => JobState::Succeeded,
    }
}

async fn status(connection: &mut SqliteConnection, id: BatchId) -> Result<Option<BatchStatus>, sqlx::Error> {
    let query = sqlx::query_as("SELECT status FROM batches WHERE id = $1").bind(id.to_string());
    let found: Option<(String,)> = query.fetch_optional(connection).await?;
    Ok(found.and_then(|(status,)| BatchStatus::parse(&status)))
}

async fn choose(connection: &mut SqliteConnection, id: BatchId, choice: &Choice) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE jobs SET choice = $2 WHERE id = $1")
        .bind(jobs::of(id).to_string())
        .bind(json_text(choice)?);
    query.execute(connection).await.map(drop)
}
