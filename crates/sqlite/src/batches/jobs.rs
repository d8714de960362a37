//! The half of a batch and its parts that is in the table `jobs`.

use chrono::{DateTime, Utc};
use outcrop_types::{BatchId, BatchPart, Job, JobId, JobState, LeaseToken, Used};
use sqlx::SqliteConnection;

use crate::rows::{Row, json_text, micros, unreadable};

/// The job of a batch: it has the same UUID.
pub(super) fn of(id: BatchId) -> JobId {
    JobId::new(id.uuid())
}

/// Adds the job of a part, made from that of its batch.
pub(super) async fn insert_part(
    connection: &mut SqliteConnection,
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
    .bind(micros(now))
    .bind(batch.to_string());
    query.execute(connection).await.map(drop)
}

/// The job of a team with this idempotency key.
pub(super) async fn of_key(
    connection: &mut SqliteConnection,
    job: &Job,
) -> Result<Option<JobId>, sqlx::Error> {
    let query = sqlx::query_as("SELECT id FROM jobs WHERE team_id = $1 AND idempotency_key = $2")
        .bind(job.principal.team.to_string())
        .bind(job.idempotency_key.as_ref().map(|key| key.as_str().to_owned()));
    let found: Option<(String,)> = query.fetch_optional(connection).await?;
    found.map(|(id,)| Row { table: "jobs", id: &id }.parse("id", &id).map_err(unreadable)).transpose()
}

/// Whether a lease still holds: nobody has claimed the job since, and it was not cancelled.
pub(super) async fn is_held(
    connection: &mut SqliteConnection,
    id: JobId,
    lease: LeaseToken,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND lease = $2 AND state = 'running')",
    )
    .bind(id.to_string())
    .bind(lease.0);
    let (held,) = query.fetch_one(connection).await?;
    Ok(held)
}

/// Ends a job.
pub(super) async fn end(
    connection: &mut SqliteConnection,
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
    .bind(micros(now));
    query.execute(connection).await.map(drop)
}

/// Ends every part of a batch that has not come to a good end.
pub(super) async fn end_parts(
    connection: &mut SqliteConnection,
    batch: JobId,
    state: JobState,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET state = $2, ended_at = $3, updated_at = $3, lease_until = NULL, not_before = NULL, dead = 0
         WHERE parent_id = $1 AND state <> 'succeeded'",
    )
    .bind(batch.to_string())
    .bind(state.name())
    .bind(micros(now));
    query.execute(connection).await.map(drop)
}

/// Gives a claimed job back until then, as one that came a step forward: no attempt counts any more.
pub(super) async fn park(
    connection: &mut SqliteConnection,
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
    .bind(micros(look_at))
    .bind(micros(now));
    query.execute(connection).await.map(drop)
}

/// Lets a claimed job begin with its attempts anew: what was tried before it came a step forward says nothing of the next.
pub(super) async fn step_forward(connection: &mut SqliteConnection, id: JobId) -> Result<(), sqlx::Error> {
    let query =
        sqlx::query("UPDATE jobs SET attempts = 1 WHERE id = $1 AND attempts > 1").bind(id.to_string());
    query.execute(connection).await.map(drop)
}

/// Makes a batch's job due, whatever it waited for; one that was set aside comes back.
pub(super) async fn wake(
    connection: &mut SqliteConnection,
    id: JobId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE jobs SET attempts = CASE dead WHEN 1 THEN 0 ELSE attempts END, state = 'queued', dead = 0, error = NULL,
             not_before = NULL, ended_at = NULL, updated_at = $2, nudged_at = $2
         WHERE id = $1 AND (state = 'queued' OR dead = 1)",
    )
    .bind(id.to_string())
    .bind(micros(now));
    query.execute(connection).await.map(drop)
}

/// Adds to what a job used.
pub(super) async fn add_use(
    connection: &mut SqliteConnection,
    id: JobId,
    more: Used,
) -> Result<(), sqlx::Error> {
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
