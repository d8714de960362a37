//! The table `responses`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, ResponseStore};
use outcrop_types::{ResponseId, StoredResponse, TeamId};
use sqlx::FromRow;

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, json_text, micros};

#[async_trait]
impl ResponseStore for SqliteStore {
    async fn insert_response(&self, response: &StoredResponse) -> Result<(), PortError> {
        const ATTEMPTED: &str = "keep a response";
        let failed = |error| port_error(ATTEMPTED, error);
        let query = sqlx::query(
            "INSERT INTO responses (id, team_id, created_at, expires_at, response, input)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(response.id.to_string())
        .bind(response.team.to_string())
        .bind(micros(response.created_at))
        .bind(micros(response.expires_at))
        .bind(json_text(&response.response).map_err(failed)?)
        .bind(json_text(&response.input).map_err(failed)?);
        self.write(ATTEMPTED, query).await.map(drop)
    }

    async fn replace_response(&self, response: &StoredResponse) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "replace a response";
        let failed = |error| port_error(ATTEMPTED, error);
        let query = sqlx::query(
            "UPDATE responses SET expires_at = $3, response = $4, input = $5
             WHERE id = $1 AND team_id = $2 AND json_extract(response, '$.status') = 'queued'",
        )
        .bind(response.id.to_string())
        .bind(response.team.to_string())
        .bind(micros(response.expires_at))
        .bind(json_text(&response.response).map_err(failed)?)
        .bind(json_text(&response.input).map_err(failed)?);
        Ok(self.write(ATTEMPTED, query).await? == 1)
    }

    async fn lookup_response(
        &self,
        team: TeamId,
        id: ResponseId,
        now: DateTime<Utc>,
    ) -> Result<Option<StoredResponse>, PortError> {
        let query = sqlx::query_as(
            "SELECT id, team_id, created_at, expires_at, response, input FROM responses
             WHERE id = $1 AND team_id = $2 AND expires_at > $3",
        )
        .bind(id.to_string())
        .bind(team.to_string())
        .bind(micros(now));
        let row: Option<ResponseRow> = self.read_optional("look up a response", query).await?;
        row.map(ResponseRow::read).transpose()
    }

    async fn delete_response(&self, team: TeamId, id: ResponseId) -> Result<bool, PortError> {
        let query = sqlx::query("DELETE FROM responses WHERE id = $1 AND team_id = $2")
            .bind(id.to_string())
            .bind(team.to_string());
        Ok(self.write("delete a response", query).await? == 1)
    }

    async fn delete_expired_responses(&self, now: DateTime<Utc>, most: usize) -> Result<u64, PortError> {
        let query = sqlx::query(
            "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(micros(now))
        .bind(i64::try_from(most).unwrap_or(i64::MAX));
        self.write("remove expired responses", query).await
    }
}

#[derive(FromRow)]
struct ResponseRow {
    id: String,
    team_id: String,
    created_at: i64,
    expires_at: i64,
    response: String,
    input: String,
}

impl ResponseRow {
    fn read(self) -> Result<StoredResponse, PortError> {
        let row = Row { table: "responses", id: &self.id };
        Ok(StoredResponse {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time("expires_at", self.expires_at)?,
            response: row.json("response", &self.response)?,
            input: row.json("input", &self.input)?,
        })
    }
}
