//! The table `jobs`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Claim, Finish, JobStore, PortError, Submitted};
use outcrop_types::{
    IdempotencyKey, Job, JobId, JobKind, JobState, LeaseToken, Limits, Page, Principal, TeamId,
};
use sqlx::{FromRow, QueryBuilder};

use crate::PostgresStore;
use crate::error::port_error;
use crate::rows::{Row, json_text, one_more};

macro_rules! columns {
    () => {
        "id, kind, team_id, subject, role, key_id, requests_per_minute, path, input, output, idempotency_key, \
         state, attempts, status, error, created_at, updated_at, fingerprint, scope"
    };
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn submit_job(&self, job: &Job) -> Result<Submitted, PortError> {
        const ATTEMPTED: &str = "submit a job";
        let scope = job.principal.scope.as_deref().map(json_text).transpose();
        let scope = scope.map_err(|error| port_error(ATTEMPTED, error))?;
        // Whatever stands in the way, id or idempotency key: nothing is written, and we look which it was.
        let query = sqlx::query(concat!(
            "INSERT INTO jobs (",
            columns!(),
            ", nudged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                   $19, $16)
             ON CONFLICT DO NOTHING"
        ))
        .bind(job.id.to_string())
        .bind(job.kind.name())
        .bind(job.principal.team.to_string())
        .bind(job.principal.subject.to_string())
        .bind(job.principal.role.name())
        .bind(job.principal.key.as_ref().map(|key| key.as_str()))
        .bind(job.principal.limits.requests_per_minute.map(i64::from))
        .bind(&job.path)
        .bind(&job.input)
        .bind(&job.output)
        .bind(job.idempotency_key.as_ref().map(IdempotencyKey::as_str))
        .bind(job.state.name())
        .bind(i64::from(job.attempts))
        .bind(job.status.map(i64::from))
        .bind(&job.error)
        .bind(job.created_at)
        .bind(job.updated_at)
        .bind(&job.fingerprint)
        .bind(scope);
        if self.execute(ATTEMPTED, query).await? == 1 {
            return Ok(Submitted::New);
        }
        let Some(idempotency_key) = &job.idempotency_key else {
            return Err(PortError::conflict(ATTEMPTED));
        };
        // Jobs are never removed, so what stood in the way is still there.
        let query = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM jobs WHERE team_id = $1 AND idempotency_key = $2"
        ))
        .bind(job.principal.team.to_string())
        .bind(idempotency_key.as_str());
        match self.fetch_optional::<JobRow>(ATTEMPTED, query).await? {
            Some(row) => Ok(Submitted::Existing(Box::new(row.read()?))),
            None => Err(PortError::conflict(ATTEMPTED)),
        }
    }

    async fn lookup_job(&self, id: JobId) -> Result<Option<Job>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1"));
        self.fetch_optional::<JobRow>("look up a job", query.bind(id.to_string()))
            .await?
            .map(JobRow::read)
            .transpose()
    }

    async fn count_open_jobs(&self, team: TeamId, most: usize) -> Result<usize, PortError> {
        let query = sqlx::query_as(
            "SELECT count(*) FROM (
                 SELECT 1 FROM jobs WHERE team_id = $1 AND state IN ('queued', 'running') LIMIT $2) AS found",
        )
        .bind(team.to_string())
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
        let count = self.fetch_optional::<(i64,)>("count open jobs", query).await?;
        Ok(count.and_then(|(count,)| usize::try_from(count).ok()).unwrap_or(0))
    }

    async fn list_jobs(
        &self,
        team: TeamId,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM jobs WHERE team_id = "));
        query.push_bind(team.to_string());
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<JobRow> = self.fetch_all("list jobs", query.build_query_as()).await?;
        let jobs = rows.into_iter().map(JobRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(jobs, limit))
    }

    async fn claim_job(
        &self,
        id: JobId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Claim, PortError> {
        const ATTEMPTED: &str = "claim a job";
        let query = sqlx::query_as(concat!(
            "UPDATE jobs
             SET state = 'running', attempts = attempts + 1, lease = lease + 1, lease_until = $3, updated_at = $2,
                 not_before = NULL
             WHERE id = $1 AND ((state = 'queued' AND (not_before IS NULL OR not_before <= $2))
                                OR (state = 'running' AND lease_until <= $2))
             RETURNING lease, ",
            columns!()
        ))
        .bind(id.to_string())
        .bind(now)
        .bind(lease_until);
        if let Some(row) = self.fetch_optional::<ClaimedRow>(ATTEMPTED, query).await? {
            let (job, lease) = row.read()?;
            return Ok(Claim::Taken(Box::new(job), lease));
        }
        let query = sqlx::query_as(
            "SELECT CASE state WHEN 'running' THEN lease_until ELSE not_before END FROM jobs
             WHERE id = $1 AND state IN ('queued', 'running')",
        )
        .bind(id.to_string());
        match self.fetch_optional::<(Option<DateTime<Utc>>,)>(ATTEMPTED, query).await? {
            // Without a time it was given back between the two looks.
            Some((until,)) => Ok(Claim::Busy { until: until.unwrap_or(now) }),
            None => Ok(Claim::Done),
        }
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
        .bind(lease_until);
        Ok(self.execute("renew the lease of a job", query).await? == 1)
    }

    async fn finish_job(
        &self,
        id: JobId,
        lease: LeaseToken,
        finish: &Finish,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError> {
        let (state, status, output, error) = match finish {
            Finish::Answered { status, output } if *status < 400 => {
                (JobState::Succeeded, Some(*status), Some(output), None)
            }
            Finish::Answered { status, output } => (JobState::Failed, Some(*status), Some(output), None),
            Finish::GaveUp { error } => (JobState::Failed, None, None, Some(error)),
            Finish::Retry { .. } | Finish::Later { .. } => (JobState::Queued, None, None, None),
        };
        let (not_before, given_back) = match finish {
            Finish::Retry { not_before } => (Some(*not_before), 0),
            Finish::Later { not_before } => (Some(*not_before), 1),
            Finish::Answered { .. } | Finish::GaveUp { .. } => (None, 0_i64),
        };
        let query = sqlx::query(
            "UPDATE jobs
             SET state = $3, status = $4, output = $5, error = $6, updated_at = $7, lease_until = NULL,
                 not_before = $8, attempts = attempts - $9
             WHERE id = $1 AND state = 'running' AND lease = $2",
        )
        .bind(id.to_string())
        .bind(lease.0)
        .bind(state.name())
        .bind(status.map(i64::from))
        .bind(output)
        .bind(error)
        .bind(now)
        .bind(not_before)
        .bind(given_back);
        Ok(self.execute("finish a job", query).await? == 1)
    }

    async fn cancel_job(&self, id: JobId, now: DateTime<Utc>) -> Result<Option<Job>, PortError> {
        let query = sqlx::query_as(concat!(
            "UPDATE jobs SET state = 'cancelled', updated_at = $2, lease_until = NULL
             WHERE id = $1 AND state IN ('queued', 'running') RETURNING ",
            columns!()
        ))
        .bind(id.to_string())
        .bind(now);
        match self.fetch_optional::<JobRow>("cancel a job", query).await? {
            Some(row) => row.read().map(Some),
            // Final, and so it stays; or there is none.
            None => self.lookup_job(id).await,
        }
    }

    async fn nudge_stale_jobs(
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
}

#[derive(FromRow)]
struct JobRow {
    id: String,
    kind: String,
    team_id: String,
    subject: String,
    role: String,
    key_id: Option<String>,
    requests_per_minute: Option<i64>,
    path: String,
    input: String,
    output: Option<String>,
    idempotency_key: Option<String>,
    state: String,
    attempts: i64,
    status: Option<i64>,
    error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    fingerprint: String,
    scope: Option<String>,
}

impl JobRow {
    fn read(self) -> Result<Job, PortError> {
        let row = Row { table: "jobs", id: &self.id };
        Ok(Job {
            id: row.parse("id", &self.id)?,
            kind: row.known("kind", JobKind::parse(&self.kind))?,
            principal: Principal {
                subject: row.subject("subject", &self.subject)?,
                team: row.parse("team_id", &self.team_id)?,
                role: row.parse("role", &self.role)?,
                key: row.parse_optional("key_id", self.key_id.as_deref())?,
                limits: Limits {
                    requests_per_minute: row
                        .number_optional("requests_per_minute", self.requests_per_minute)?,
                },
                scope: self.scope.as_deref().map(|text| row.json("scope", text)).transpose()?,
            },
            idempotency_key: row.parse_optional("idempotency_key", self.idempotency_key.as_deref())?,
            state: row.known("state", JobState::parse(&self.state))?,
            attempts: row.number("attempts", self.attempts)?,
            status: row.number_optional("status", self.status)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
            path: self.path,
            fingerprint: self.fingerprint,
            input: self.input,
            output: self.output,
            error: self.error,
        })
    }
}

#[derive(FromRow)]
struct ClaimedRow {
    lease: i64,
    #[sqlx(flatten)]
    job: JobRow,
}

impl ClaimedRow {
    fn read(self) -> Result<(Job, LeaseToken), PortError> {
        Ok((self.job.read()?, LeaseToken(self.lease)))
    }
}
