//! The table `job_events`: what happened to jobs, written in the transaction of what happened.

use chrono::{DateTime, Utc};
use outcrop_types::{BatchId, Job, JobId, JobKind, TeamId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::rows::json_text;

/// Something that happened to a job.
pub(crate) struct NewEvent<'a> {
    /// The job; of a batch, its job.
    pub(crate) job: JobId,
    /// Whose it is.
    pub(crate) team: TeamId,
    /// Such as `batch.completed`.
    pub(crate) name: &'a str,
    /// What it is about, by its own id: `job_…`, `batch_…`, `resp_…`.
    pub(crate) subject: &'a str,
    /// What there is to know besides: an object.
    pub(crate) data: &'a Value,
    /// Whether endpoints are told of it: true of ends.
    pub(crate) tells: bool,
}

/// Adds an event as the next of its job. The transaction must have written the job's row before: that keeps two from taking
/// the same number.
pub(crate) async fn add_event(
    connection: &mut PgConnection,
    event: &NewEvent<'_>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO job_events (job_id, seq, at, team_id, name, subject, data, tells)
         VALUES ($1, (SELECT coalesce(max(seq), 0) + 1 FROM job_events WHERE job_id = $1), $2, $3, $4, $5, $6, $7)",
    )
    .bind(event.job.to_string())
    .bind(now)
    .bind(event.team.to_string())
    .bind(event.name)
    .bind(event.subject)
    .bind(json_text(event.data)?)
    .bind(event.tells)
    .execute(connection)
    .await
    .map(drop)
}

/// Adds what happened to a call: `happened` is `queued`, `running`, `retrying`, or how it ended. Batches and their parts
/// have none of this: what happens to a batch is told by its status.
pub(crate) async fn add_call_event(
    connection: &mut PgConnection,
    job: &Job,
    happened: &str,
    data: &Value,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    if job.kind != JobKind::Call {
        return Ok(());
    }
    let name = event_name(job, happened);
    let event = NewEvent {
        job: job.id,
        team: job.principal.team,
        name: &name,
        subject: &subject_of(job),
        data,
        tells: job.state.is_final(),
    };
    add_event(connection, &event, now).await
}

/// What an event of a job is about.
pub(crate) fn subject_of(job: &Job) -> String {
    match (&job.response, job.kind) {
        (Some(response), _) => response.to_string(),
        (None, JobKind::Batch) => BatchId::new(job.id.uuid()).to_string(),
        (None, JobKind::Call | JobKind::Part) => job.id.to_string(),
    }
}

/// The name of an event of a call. Answers of the Responses API have the words of OpenAI's webhooks, which know no expiry.
fn event_name(job: &Job, happened: &str) -> String {
    match (&job.response, happened) {
        (None, _) => format!("job.{happened}"),
        (Some(_), "succeeded") => "response.completed".to_owned(),
        (Some(_), "expired") => "response.failed".to_owned(),
        (Some(_), _) => format!("response.{happened}"),
    }
}
