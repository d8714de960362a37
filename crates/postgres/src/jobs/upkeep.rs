//! Lost nudges, how much work there is, and what can be forgotten.

use chrono::{DateTime, Utc};
use outcrop_ports::{Backlog, PortError};
use outcrop_types::{Job, JobId};
use sqlx::FromRow;

use super::rows::{JobRow, columns};
use crate::PostgresStore;
use crate::rows::Row;

impl PostgresStore {
    pub(super) async fn take_stale_jobs(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<JobId>, PortError> {
        let query = sqlx::query_as(
            "WITH stale AS (
                 SELECT id FROM jobs
                 WHERE state IN ('queued', 'running') AND nudged_at < $1
                   AND ((state = 'queued' AND updated_at < $1 AND (not_before IS NULL OR not_before < $1))
                        OR (state = 'running' AND lease_until < $1))
                 ORDER BY nudged_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
             UPDATE jobs SET nudged_at = $2 FROM stale WHERE jobs.id = stale.id RETURNING jobs.id",
        )
        .bind(before)
        .bind(now)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<(String,)> = self.fetch_all("take stale jobs", query).await?;
        rows.iter().map(|(id,)| Row { table: "jobs", id }.parse("id", id)).collect()
    }

    pub(super) async fn count_backlog(&self, now: DateTime<Utc>) -> Result<Backlog, PortError> {
        let query = sqlx::query_as(
            "WITH waiting (since) AS (
                 SELECT coalesce(not_before, updated_at) FROM jobs WHERE state = 'queued'
                 UNION ALL
                 SELECT lease_until FROM jobs WHERE state = 'running' AND lease_until <= $1)
             SELECT (SELECT count(*) FROM waiting WHERE since <= $1) AS due,
                    (SELECT min(since) FROM waiting WHERE since <= $1) AS since,
                    (SELECT count(*) FROM jobs
                     WHERE state = 'queued' AND not_before > $1 AND kind <> 'batch') AS later,
                    (SELECT count(*) FROM jobs WHERE state = 'running' AND lease_until > $1) AS running,
                    (SELECT count(*) FROM jobs WHERE dead) AS dead",
        )
        .bind(now);
        let row: Option<BacklogRow> = self.fetch_optional("count jobs", query).await?;
        row.map(|row| row.read(now)).transpose().map(Option::unwrap_or_default)
    }

    pub(super) async fn note_live_worker(
        &self,
        worker: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), PortError> {
        self.transact("note that a worker is alive", async |connection| {
            sqlx::query(
                "INSERT INTO job_workers (id, alive_until) VALUES ($1, $2)
                 ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until",
            )
            .bind(worker)
            .bind(until)
            .execute(&mut *connection)
            .await?;
            let gone = sqlx::query("DELETE FROM job_workers WHERE alive_until <= $1").bind(now);
            gone.execute(&mut *connection).await.map(drop)
        })
        .await
    }

    pub(super) async fn count_live_workers(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        let query = sqlx::query_as("SELECT count(*) FROM job_workers WHERE alive_until > $1").bind(now);
        let count = self.fetch_optional::<(i64,)>("count workers", query).await?;
        Ok(count.and_then(|(count,)| count.try_into().ok()).unwrap_or(0))
    }

    pub(super) async fn jobs_ended_before(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Job>, PortError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE ended_at IS NOT NULL AND ended_at < $1 AND kind <> 'part' ORDER BY ended_at, id LIMIT $2"
        ))
        .bind(before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<JobRow> = self.fetch_all("list ended jobs", query).await?;
        rows.into_iter().map(JobRow::read).collect()
    }

    pub(super) async fn forget_ended_job(&self, id: JobId) -> Result<(), PortError> {
        self.transact("forget a job", async |connection| {
            let id = id.to_string();
            let ended = sqlx::query("DELETE FROM jobs WHERE id = $1 AND ended_at IS NOT NULL").bind(&id);
            if ended.execute(&mut *connection).await?.rows_affected() == 0 {
                return Ok(());
            }
            for statement in [
                "DELETE FROM batch_lines WHERE job_id IN (SELECT id FROM jobs WHERE parent_id = $1)",
                "DELETE FROM batch_parts WHERE job_id IN (SELECT id FROM jobs WHERE parent_id = $1)",
                "DELETE FROM jobs WHERE parent_id = $1",
                "DELETE FROM batches WHERE job_id = $1",
                "DELETE FROM job_events WHERE job_id = $1",
            ] {
                sqlx::query(statement).bind(&id).execute(&mut *connection).await?;
            }
            Ok(())
        })
        .await
    }
}

#[derive(FromRow)]
struct BacklogRow {
    due: i64,
    since: Option<DateTime<Utc>>,
    later: i64,
    running: i64,
    dead: i64,
}

impl BacklogRow {
    fn read(self, now: DateTime<Utc>) -> Result<Backlog, PortError> {
        let row = Row { table: "jobs", id: "all" };
        Ok(Backlog {
            due: row.number("count", self.due)?,
            later: row.number("count", self.later)?,
            running: row.number("count", self.running)?,
            oldest_s: self.since.and_then(|since| (now - since).num_seconds().try_into().ok()).unwrap_or(0),
            dead: row.number("count", self.dead)?,
        })
    }
}
