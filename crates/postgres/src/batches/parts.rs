//! The table `batch_parts`.

use chrono::{DateTime, Utc};
use outcrop_ports::{PartEnded, PortError};
use outcrop_types::{BatchId, BatchPart, JobId, JobState, LeaseToken, Used};
use sqlx::{FromRow, PgConnection};

use super::{jobs, lines, signed};
use crate::rows::{Row, unreadable};

macro_rules! select {
    () => {
        "SELECT p.batch_id, p.job_id, p.number, p.first_line, p.lines, p.from_byte, p.to_byte, p.completed, p.failed, \
         p.output, p.errors, j.state, j.used FROM batch_parts p JOIN jobs j ON j.id = p.job_id "
    };
}

pub(super) async fn lookup(
    connection: &mut PgConnection,
    job: JobId,
) -> Result<Option<(BatchId, BatchPart)>, sqlx::Error> {
    let query = sqlx::query_as(concat!(select!(), "WHERE p.job_id = $1")).bind(job.to_string());
    let row: Option<PartRow> = query.fetch_optional(connection).await?;
    row.map(|row| row.read().map_err(unreadable)).transpose()
}

pub(super) async fn list(connection: &mut PgConnection, id: BatchId) -> Result<Vec<BatchPart>, sqlx::Error> {
    let query = sqlx::query_as(concat!(select!(), "WHERE p.batch_id = $1 ORDER BY p.number"));
    let rows: Vec<PartRow> = query.bind(id.to_string()).fetch_all(connection).await?;
    super::read_all(rows, |row| row.read().map(|(_, part)| part))
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    id: BatchId,
    parts: &[BatchPart],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for part in parts {
        let query = sqlx::query(
            "INSERT INTO batch_parts (job_id, batch_id, number, first_line, lines, from_byte, to_byte)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(part.job.to_string())
        .bind(id.to_string())
        .bind(i64::from(part.number))
        .bind(signed(part.first_line)?)
        .bind(i64::from(part.lines))
        .bind(signed(part.from_byte)?)
        .bind(signed(part.to_byte)?);
        query.execute(&mut *connection).await?;
        jobs::insert_part(connection, jobs::of(id), part, now).await?;
    }
    Ok(())
}

pub(super) async fn finish(
    connection: &mut PgConnection,
    part: JobId,
    lease: LeaseToken,
    [output, errors]: [Option<&str>; 2],
    now: DateTime<Utc>,
) -> Result<PartEnded, sqlx::Error> {
    let Some((batch, _)) = lookup(connection, part).await? else { return Ok(PartEnded::Lost) };
    jobs::lock(connection, jobs::of(batch)).await?;
    if !jobs::is_held(connection, part, lease).await? {
        return Ok(PartEnded::Lost);
    }
    let query = sqlx::query("UPDATE batch_parts SET output = $2, errors = $3 WHERE job_id = $1")
        .bind(part.to_string())
        .bind(output.map(str::to_owned))
        .bind(errors.map(str::to_owned));
    query.execute(&mut *connection).await?;
    lines::forget(connection, part).await?;
    jobs::end(connection, part, JobState::Succeeded, None, now).await?;
    let (left,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE parent_id = $1 AND state IN ('queued', 'running'))",
    )
    .bind(jobs::of(batch).to_string())
    .fetch_one(&mut *connection)
    .await?;
    if left {
        return Ok(PartEnded::MoreLeft);
    }
    jobs::wake(connection, jobs::of(batch), now).await?;
    Ok(PartEnded::WasLast)
}

/// Removes the parts of a batch with their jobs and lines, and notes their blobs as left over. Gives what they used, which from now on is in the batch's own job.
pub(super) async fn forget(connection: &mut PgConnection, id: BatchId) -> Result<Used, sqlx::Error> {
    let mut used = Used::default();
    for part in list(connection, id).await? {
        used += part.used;
    }
    for statement in [
        "INSERT INTO leftovers (blob)
         SELECT output FROM batch_parts WHERE batch_id = $1 AND output IS NOT NULL
         UNION SELECT errors FROM batch_parts WHERE batch_id = $1 AND errors IS NOT NULL
         UNION SELECT blob FROM batch_lines
               WHERE blob IS NOT NULL AND job_id IN (SELECT job_id FROM batch_parts WHERE batch_id = $1)
         ON CONFLICT DO NOTHING",
        "DELETE FROM batch_lines WHERE job_id IN (SELECT job_id FROM batch_parts WHERE batch_id = $1)",
        "DELETE FROM jobs WHERE id IN (SELECT job_id FROM batch_parts WHERE batch_id = $1)",
        "DELETE FROM batch_parts WHERE batch_id = $1",
    ] {
        sqlx::query(statement).bind(id.to_string()).execute(&mut *connection).await?;
    }
    Ok(used)
}

#[derive(FromRow)]
struct PartRow {
    batch_id: String,
    job_id: String,
    number: i64,
    first_line: i64,
    lines: i64,
    from_byte: i64,
    to_byte: i64,
    completed: i64,
    failed: i64,
    output: Option<String>,
    errors: Option<String>,
    state: String,
    used: String,
}

impl PartRow {
    fn read(self) -> Result<(BatchId, BatchPart), PortError> {
        let row = Row { table: "batch_parts", id: &self.job_id };
        let part = BatchPart {
            job: row.parse("job_id", &self.job_id)?,
            number: row.number("number", self.number)?,
            first_line: row.number("first_line", self.first_line)?,
            lines: row.number("lines", self.lines)?,
            from_byte: row.number("from_byte", self.from_byte)?,
            to_byte: row.number("to_byte", self.to_byte)?,
            state: row.known("state", JobState::parse(&self.state))?,
            completed: row.number("completed", self.completed)?,
            failed: row.number("failed", self.failed)?,
            used: row.json("used", &self.used)?,
            output: self.output,
            errors: self.errors,
        };
        Ok((row.parse("batch_id", &self.batch_id)?, part))
    }
}
