//! One row of `batches`.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{Batch, BatchCounts, BatchStatus};
use sqlx::{FromRow, PgConnection};

use super::signed;
use crate::rows::{Row, json_text};

/// What is read of a batch: its counts are those of its own row and of the parts that still are there.
macro_rules! columns {
    () => {
        "id, team_id, endpoint, input_file_id, completion_window, metadata, output_expires_after_s, status, errors, \
         model, output_file_id, error_file_id, total, \
         completed + (SELECT COALESCE(SUM(p.completed), 0)::BIGINT FROM batch_parts p WHERE p.batch_id = batches.id) AS completed, \
         failed + (SELECT COALESCE(SUM(p.failed), 0)::BIGINT FROM batch_parts p WHERE p.batch_id = batches.id) AS failed, \
         bedrock, created_at, in_progress_at, expires_at, finalizing_at, completed_at, failed_at, expired_at, \
         cancelling_at, cancelled_at"
    };
}
pub(super) use columns;

/// Adds a batch as it is when it is submitted.
pub(super) async fn insert(connection: &mut PgConnection, batch: &Batch) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO batches (id, job_id, team_id, endpoint, input_file_id, completion_window, metadata,
             output_expires_after_s, status, errors, model, total, completed, failed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(batch.id.to_string())
    .bind(super::jobs::of(batch.id).to_string())
    .bind(batch.team.to_string())
    .bind(batch.endpoint.clone())
    .bind(batch.input_file.to_string())
    .bind(batch.completion_window.clone())
    .bind(json_text(&batch.metadata)?)
    .bind(batch.output_expires_after_s.map(signed).transpose()?)
    .bind(batch.status.name())
    .bind(json_text(&batch.errors)?)
    .bind(batch.model.clone())
    .bind(signed(batch.counts.total)?)
    .bind(signed(batch.counts.completed)?)
    .bind(signed(batch.counts.failed)?)
    .bind(batch.created_at)
    .bind(batch.expires_at);
    query.execute(connection).await.map(drop)
}

#[derive(FromRow)]
pub(super) struct BatchRow {
    id: String,
    team_id: String,
    endpoint: String,
    input_file_id: String,
    completion_window: String,
    metadata: String,
    output_expires_after_s: Option<i64>,
    status: String,
    errors: String,
    model: Option<String>,
    output_file_id: Option<String>,
    error_file_id: Option<String>,
    total: i64,
    completed: i64,
    failed: i64,
    bedrock: Option<String>,
    created_at: DateTime<Utc>,
    in_progress_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    finalizing_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    failed_at: Option<DateTime<Utc>>,
    expired_at: Option<DateTime<Utc>>,
    cancelling_at: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
}

impl BatchRow {
    pub(super) fn read(self) -> Result<Batch, PortError> {
        let row = Row { table: "batches", id: &self.id };
        Ok(Batch {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            input_file: row.parse("input_file_id", &self.input_file_id)?,
            metadata: row.json("metadata", &self.metadata)?,
            output_expires_after_s: row
                .number_optional("output_expires_after_s", self.output_expires_after_s)?,
            status: row.known("status", BatchStatus::parse(&self.status))?,
            errors: row.json("errors", &self.errors)?,
            output_file: row.parse_optional("output_file_id", self.output_file_id.as_deref())?,
            error_file: row.parse_optional("error_file_id", self.error_file_id.as_deref())?,
            counts: BatchCounts {
                total: row.number("total", self.total)?,
                completed: row.number("completed", self.completed)?,
                failed: row.number("failed", self.failed)?,
            },
            bedrock: self.bedrock.as_deref().map(|text| row.json("bedrock", text)).transpose()?,
            created_at: self.created_at,
            in_progress_at: self.in_progress_at,
            expires_at: self.expires_at,
            finalizing_at: self.finalizing_at,
            completed_at: self.completed_at,
            failed_at: self.failed_at,
            expired_at: self.expired_at,
            cancelling_at: self.cancelling_at,
            cancelled_at: self.cancelled_at,
            endpoint: self.endpoint,
            completion_window: self.completion_window,
            model: self.model,
        })
    }
}
