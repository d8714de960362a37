//! The tables `jobs` and `job_events`.

mod claim;
mod end;
mod list;
mod rows;
mod upkeep;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Backlog, ClaimTerms, Finish, JobFilter, JobStore, PortError, Submitted, TeamDue};
use outcrop_types::{Choice, IdempotencyKey, Job, JobEvent, JobId, LeaseToken, Page, TeamId};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::port_error;
use crate::events::add_call_event;
use crate::leftovers::insert_leftovers;
use crate::rows::{json_text, micros, unreadable};

pub(crate) use rows::{JobRow, columns, insert_job};

#[async_trait]
impl JobStore for SqliteStore {
    async fn submit_job(&self, job: &Job) -> Result<Submitted, PortError> {
        const ATTEMPTED: &str = "submit a job";
        let submitted = self
            .transact(ATTEMPTED, async |connection| {
                // Whatever stands in the way, id or idempotency key: nothing is written, and we look which it was.
                if insert_job(connection, job).await? {
                    add_call_event(connection, job, "queued", &json!({}), job.updated_at).await?;
                    return Ok(Some(Submitted::New));
                }
                let existing = job_by_idempotency_key(connection, job).await?;
                Ok(existing.map(|job| Submitted::Existing(Box::new(job))))
            })
            .await?;
        submitted.ok_or_else(|| PortError::conflict(ATTEMPTED))
    }

    async fn lookup_job(&self, id: JobId) -> Result<Option<Job>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1"));
        let row = self.read_optional::<JobRow>("look up a job", query.bind(id.to_string())).await?;
        let Some(row) = row else { return Ok(None) };
        let mut jobs = vec![row.read()?];
        self.add_use_of_parts(&mut jobs).await?;
        Ok(jobs.pop())
    }

    async fn lookup_submitted(&self, team: TeamId, key: &IdempotencyKey) -> Result<Option<Job>, PortError> {
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE team_id = $1 AND idempotency_key = $2"
        ));
        let query = query.bind(team.to_string()).bind(key.as_str().to_owned());
        let row = self.read_optional::<JobRow>("look up a job by its key", query).await?;
        row.map(JobRow::read).transpose()
    }

    async fn count_open_jobs(&self, team: TeamId, most: usize) -> Result<usize, PortError> {
        let query = sqlx::query_as(
            "SELECT count(*) FROM (
                 SELECT 1 FROM jobs WHERE team_id = $1 AND state IN ('queued', 'running') AND kind <> 'part'
                 LIMIT $2) AS found",
        )
        .bind(team.to_string())
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
        let count = self.read_optional::<(i64,)>("count open jobs", query).await?;
        Ok(count.and_then(|(count,)| usize::try_from(count).ok()).unwrap_or(0))
    }

    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError> {
        self.page_of_jobs(filter, after, limit).await
    }

    async fn claim_job(&self, terms: ClaimTerms) -> Result<Option<(Job, LeaseToken)>, PortError> {
        self.claim_next_job(terms).await
    }

    async fn teams_due(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<TeamDue>, PortError> {
        self.list_teams_due(now, limit).await
    }

    async fn renew_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        let query = sqlx::query(
            "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND state = 'running' AND lease = $2",
        )
        .bind(id.to_string())
        .bind(lease.0)
        .bind(micros(lease_until));
        Ok(self.write("renew the lease of a job", query).await? == 1)
    }

    async fn finish_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        finish: &Finish,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        self.end_claim(id, lease, finish, now).await
    }

    async fn choose_job(&self, id: JobId, lease: LeaseToken, choice: &Choice) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "note how a job is done";
        let query =
            sqlx::query("UPDATE jobs SET choice = $3 WHERE id = $1 AND state = 'running' AND lease = $2")
                .bind(id.to_string())
                .bind(lease.0)
                .bind(json_text(choice).map_err(|error| port_error(ATTEMPTED, error))?);
        Ok(self.write(ATTEMPTED, query).await? == 1)
    }

    async fn cancel_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError> {
        self.cancel_call(id, now).await
    }

    async fn redrive_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError> {
        self.redrive_dead_job(id, now).await
    }

    async fn job_events(&self, id: JobId, after: u32, limit: usize) -> Result<Vec<JobEvent>, PortError> {
        self.events_of_job(id, after, limit).await
    }

    async fn nudge_stale_jobs(
        &self,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<JobId>, PortError> {
        self.take_stale_jobs(before, now, limit).await
    }

    async fn backlog(&self, now: DateTime<Utc>) -> Result<Backlog, PortError> {
        self.count_backlog(now).await
    }

    async fn note_worker(
        &self,
        worker: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), PortError> {
        self.note_live_worker(worker, now, until).await
    }

    async fn count_workers(&self, now: DateTime<Utc>) -> Result<u64, PortError> {
        self.count_live_workers(now).await
    }

    async fn ended_jobs(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Job>, PortError> {
        self.jobs_ended_before(before, limit).await
    }

    async fn forget_job(&self, id: JobId) -> Result<(), PortError> {
        self.forget_ended_job(id).await
    }

    async fn note_leftovers(&self, blobs: &[String]) -> Result<(), PortError> {
        self.transact("note blobs to remove", async |connection| insert_leftovers(connection, blobs).await)
            .await
    }

    async fn leftovers(&self, after: &str, limit: usize) -> Result<Vec<String>, PortError> {
        self.leftovers_after(after, limit).await
    }

    async fn forget_leftovers(&self, blobs: &[String]) -> Result<(), PortError> {
        self.strike_leftovers(blobs).await
    }
}

/// The job that its team has under the same idempotency key, if that is what stands in the way.
pub(crate) async fn job_by_idempotency_key(
    connection: &mut SqliteConnection,
    job: &Job,
) -> Result<Option<Job>, sqlx::Error> {
    let Some(idempotency_key) = &job.idempotency_key else { return Ok(None) };
    let row: Option<JobRow> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM jobs WHERE team_id = $1 AND idempotency_key = $2"
    ))
    .bind(job.principal.team.to_string())
    .bind(idempotency_key.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(JobRow::read).transpose().map_err(unreadable)
}
