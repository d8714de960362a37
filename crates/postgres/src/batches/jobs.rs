//! The half of a batch and its parts that is in the table `jobs`.

use chrono::{DateTime, Utc};
use outcrop_types::{BatchId, BatchPart, Job, JobId, JobState, LeaseToken, Used};
use sqlx::PgConnection;

use crate::rows::{Row, json_text, unreadable};

/// The job of a batch: it has the same UUID.
pub(super) fn of(id: BatchId) -> JobId {
    JobId::new(id.uuid())
}

/// Adds the job of a part, made from that of its batch.
pub(super) async fn insert_part(
    connection: &mut PgConnection,
    batch: JobId,
    part: &BatchPart,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO jobs (id, kind, parent_id, team_id, subject, role, key_id, requests_per_minute, scope, path,
             input, fingerprint, priority, deadline, metadata, state, attempts, used, choice, created_at, updated_at,
             nudged_at, trace)
         SELECT $1, 'part', id, team_id, subject, role, key_id, requests_per_minute, scope, path, input, '', priority,
             deadline, '{}', 'queued', 0, $2, choice, $3, $3, $3, trace
         FROM jobs WHERE id = $4",
    )
    .bind(part.job.to_string())
    .bind(json_text(&Used::default())?)
    .bind(now)
    .bind(batch.to_string());
    query.execute(connection).await.map(drop)
}

/// The job of a team with this idempotency key.
pub(super) async fn of_key(connection: &mut PgConnection, job: &Job) -> Result<Option<JobId>, sqlx::Error> {
    let query = sqlx::query_as("SELECT id FROM jobs WHERE team_id = $1 AND idempotency_key = $2")
        .bind(job.principal.team.to_string())
        .bind(job.idempotency_key.as_ref().map(|key| key.as_str().to_owned()));
    let found: Option<(String,)> = query.fetch_optional(connection).await?;
    found.map(|(id,)| Row { table: "jobs", id: &id }.parse("id", &id).map_err(unreadable)).transpose()
}

/// Whether a lease still holds: nobody has claimed the job since, and it was not cancelled. It then stays so until the end of
/// the transaction.
pub(super) async fn is_held(
    connection: &mut PgConnection,
    id: JobId,
    lease: LeaseToken,
) -> Result<bool, sqlx::Error> {
    let query =
        sqlx::query("SELECT 1 FROM jobs WHERE id = $1 AND lease = $2 AND state = 'running' FOR UPDATE")
            .bind(id.to_string())
            .bind(lease.0);
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// Keeps others from a job. Whoever changes a batch and its parts takes the job of the batch first, so that no two wait for
/// each other.
pub(super) async fn lock(connection: &mut PgConnection, id: JobId) -> Result<(), sqlx::Error> {
    let query = sqlx::query("SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE").bind(id.to_string());
    query.fetch_optional(connection).await.map(drop)
}

/// Ends a job.
pub(super) async fn end(
    connection: &mut PgConnection,
    id: JobId,
    state: JobState,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET state = $2, error = $3, ended_at = $4, updated_at = $4, lease_until = NULL, not_before = NULL
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(state.name())
    .bind(error.map(str::to_owned))
    .bind(now);
    query.execute(connection).await.map(drop)
}

/// Ends every part of a batch that has not come to a good end.
pub(super) async fn end_parts(
    connection: &mut PgConnection,
    batch: JobId,
    state: JobState,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET state = $2, ended_at = $3, updated_at = $3, lease_until = NULL, not_before = NULL, dead = FALSE
         WHERE id IN (SELECT id FROM jobs WHERE parent_id = $1 AND state <> 'succeeded' ORDER BY id FOR UPDATE)",
    )
    .bind(batch.to_string())
    .bind(state.name())
    .bind(now);
    query.execute(connection).await.map(drop)
}

/// Gives a claimed job back until then, as one that came a step forward: no attempt counts any more.
pub(super) async fn park(
    connection: &mut PgConnection,
    id: JobId,
    look_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET state = 'queued', attempts = 0, lease_until = NULL, not_before = $2,
             updated_at = $3, nudged_at = $3
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(look_at)
    .bind(now);
    query.execute(connection).await.map(drop)
}

/// Lets a claimed job begin with its attempts anew: what was tried before it came a step forward says nothing of the next.
pub(super) async fn step_forward(connection: &mut PgConnection, id: JobId) -> Result<(), sqlx::Error> {
    let query =
        sqlx::query("UPDATE jobs SET attempts = 1 WHERE id = $1 AND attempts > 1").bind(id.to_string());
    query.execute(connection).await.map(drop)
}

/// Makes a batch's job due, whatever it waited for; one that was set aside comes back.
pub(super) async fn wake(
    connection: &mut PgConnection,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET attempts = CASE WHEN dead THEN 0 ELSE attempts END, state = 'queued', dead = FALSE, error = NULL,
             not_before = NULL, ended_at = NULL, updated_at = $2, nudged_at = $2
         WHERE id = $1 AND (state = 'queued' OR dead)",
    )
    .bind(id.to_string())
    .bind(now);
    query.execute(connection).await.map(drop)
}

/// Adds to what a job used.
pub(super) async fn add_use(connection: &mut PgConnection, id: JobId, more: Used) -> Result<(), sqlx::Error> {
    let id = id.to_string();
    let (text,): (String,) = sqlx::query_as("SELECT used FROM jobs WHERE id = $1")
        .bind(id.clone())
        .fetch_one(&mut *connection)
        .await?;
    let mut used: Used = Row { table: "jobs", id: &id }.json("used", &text).map_err(unreadable)?;
    used += more;
    let query = sqlx::query("UPDATE jobs SET used = $2 WHERE id = $1").bind(id).bind(json_text(&used)?);
    query.execute(connection).await.map(drop)
}
