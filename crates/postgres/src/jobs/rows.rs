//! A job as a row, both ways.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{
    IdempotencyKey, Job, JobEvent, JobKind, JobState, LeaseToken, Limits, Principal, Priority,
};
use sqlx::{FromRow, PgConnection};

use crate::rows::{Row, json_text};

/// The columns that make a [`JobRow`].
macro_rules! columns {
    () => {
        "id, kind, parent_id, team_id, subject, role, key_id, requests_per_minute, scope, path, input, output, \
         idempotency_key, fingerprint, priority, deadline, metadata, response_id, state, attempts, status, error, \
         dead, choice, used, created_at, started_at, ended_at, updated_at, trace"
    };
}
pub(crate) use columns;

/// Adds a job as it is; `false`, and nothing is written, if its id or its idempotency key is taken. Writes no event.
pub(crate) async fn insert_job(connection: &mut PgConnection, job: &Job) -> Result<bool, sqlx::Error> {
    let scope = job.principal.scope.as_deref().map(json_text).transpose()?;
    let inserted = sqlx::query(concat!(
        "INSERT INTO jobs (",
        columns!(),
        ", nudged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
                              $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $26)
         ON CONFLICT DO NOTHING"
    ))
    .bind(job.id.to_string())
    .bind(job.kind.name())
    .bind(job.parent.map(|id| id.to_string()))
    .bind(job.principal.team.to_string())
    .bind(job.principal.subject.to_string())
    .bind(job.principal.role.name())
    .bind(job.principal.key.as_ref().map(|key| key.as_str()))
    .bind(job.principal.limits.requests_per_minute.map(i64::from))
    .bind(scope)
    .bind(&job.path)
    .bind(&job.input)
    .bind(&job.output)
    .bind(job.idempotency_key.as_ref().map(IdempotencyKey::as_str))
    .bind(&job.fingerprint)
    .bind(i64::from(job.priority.rank()))
    .bind(job.deadline)
    .bind(json_text(&job.metadata)?)
    .bind(job.response.map(|id| id.to_string()))
    .bind(job.state.name())
    .bind(i64::from(job.attempts))
    .bind(job.status.map(i64::from))
    .bind(&job.error)
    .bind(job.dead)
    .bind(job.choice.as_ref().map(json_text).transpose()?)
    .bind(json_text(&job.used)?)
    .bind(job.created_at)
    .bind(job.started_at)
    .bind(job.ended_at)
    .bind(job.updated_at)
    .bind(&job.trace)
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A row of [`columns`].
#[derive(FromRow)]
pub(crate) struct JobRow {
    id: String,
    kind: String,
    parent_id: Option<String>,
    team_id: String,
    subject: String,
    role: String,
    key_id: Option<String>,
    requests_per_minute: Option<i64>,
    scope: Option<String>,
    path: String,
    input: String,
    output: Option<String>,
    idempotency_key: Option<String>,
    fingerprint: String,
    priority: i64,
    deadline: Option<DateTime<Utc>>,
    metadata: String,
    response_id: Option<String>,
    state: String,
    attempts: i64,
    status: Option<i64>,
    error: Option<String>,
    dead: bool,
    choice: Option<String>,
    used: String,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
    trace: Option<String>,
}

impl JobRow {
    pub(crate) fn read(self) -> Result<Job, PortError> {
        let row = Row { table: "jobs", id: &self.id };
        Ok(Job {
            id: row.parse("id", &self.id)?,
            kind: row.known("kind", JobKind::parse(&self.kind))?,
            parent: row.parse_optional("parent_id", self.parent_id.as_deref())?,
            principal: self.principal(&row)?,
            idempotency_key: row.parse_optional("idempotency_key", self.idempotency_key.as_deref())?,
            priority: row.known("priority", rank(self.priority))?,
            deadline: self.deadline,
            metadata: row.json("metadata", &self.metadata)?,
            response: row.parse_optional("response_id", self.response_id.as_deref())?,
            state: row.known("state", JobState::parse(&self.state))?,
            attempts: row.number("attempts", self.attempts)?,
            status: row.number_optional("status", self.status)?,
            dead: self.dead,
            choice: self.choice.as_deref().map(|text| row.json("choice", text)).transpose()?,
            used: row.json("used", &self.used)?,
            created_at: self.created_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            updated_at: self.updated_at,
            path: self.path,
            fingerprint: self.fingerprint,
            input: self.input,
            output: self.output,
            error: self.error,
            trace: self.trace,
        })
    }

    fn principal(&self, row: &Row<'_>) -> Result<Principal, PortError> {
        Ok(Principal {
            subject: row.subject("subject", &self.subject)?,
            team: row.parse("team_id", &self.team_id)?,
            role: row.parse("role", &self.role)?,
            key: row.parse_optional("key_id", self.key_id.as_deref())?,
            limits: Limits {
                requests_per_minute: row.number_optional("requests_per_minute", self.requests_per_minute)?,
            },
            scope: self.scope.as_deref().map(|text| row.json("scope", text)).transpose()?,
        })
    }
}

fn rank(number: i64) -> Option<Priority> {
    u8::try_from(number).ok().and_then(Priority::from_rank)
}

/// A job in a worker's hands.
#[derive(FromRow)]
pub(crate) struct ClaimedRow {
    lease: i64,
    #[sqlx(flatten)]
    job: JobRow,
}

impl ClaimedRow {
    pub(crate) fn read(self) -> Result<(Job, LeaseToken), PortError> {
        Ok((self.job.read()?, LeaseToken(self.lease)))
    }
}

/// An event of a job.
#[derive(FromRow)]
pub(crate) struct EventRow {
    job_id: String,
    seq: i64,
    at: DateTime<Utc>,
    name: String,
    data: String,
}

impl EventRow {
    pub(crate) fn read(self) -> Result<JobEvent, PortError> {
        let row = Row { table: "job_events", id: &self.job_id };
        Ok(JobEvent {
            seq: row.number("seq", self.seq)?,
            at: self.at,
            data: row.json("data", &self.data)?,
            name: self.name,
        })
    }
}
