//! The table `api_keys`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{KeyStore, PortError};
use outcrop_types::{ApiKey, KeyHash, KeyId, Limits, Page, TeamId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, QueryBuilder, Sqlite};

use crate::SqliteStore;
use crate::rows::{Row, micros, one_more};

macro_rules! columns {
    () => {
        "id, hash, name, team_id, subject, role, requests_per_minute, created_at, expires_at, revoked_at"
    };
}

#[async_trait]
impl KeyStore for SqliteStore {
    async fn insert_key(&self, key: &ApiKey) -> Result<(), PortError> {
        self.write("insert an API key", insert(key)).await.map(drop)
    }

    async fn lookup_key(&self, id: &KeyId) -> Result<Option<ApiKey>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1"));
        self.read_optional::<KeyRow>("look up an API key", query.bind(id.as_str()))
            .await?
            .map(KeyRow::read)
            .transpose()
    }

    async fn list_keys(
        &self,
        team: Option<TeamId>,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM api_keys WHERE TRUE"));
        if let Some(team) = team {
            query.push(" AND team_id = ").push_bind(team.to_string());
        }
        if let Some(after) = after {
            query.push(" AND (created_at, id) < (SELECT created_at, id FROM api_keys WHERE id = ");
            query.push_bind(after.as_str().to_owned()).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<KeyRow> = self.read_all("list API keys", query.build_query_as()).await?;
        let keys = rows.into_iter().map(KeyRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(keys, limit))
    }

    async fn revoke_key(&self, id: &KeyId, now: DateTime<Utc>) -> Result<Option<ApiKey>, PortError> {
        let query = sqlx::query_as(concat!(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING ",
            columns!()
        ));
        self.write_optional::<KeyRow>("revoke an API key", query.bind(id.as_str()).bind(micros(now)))
            .await?
            .map(KeyRow::read)
            .transpose()
    }
}

/// The statement that adds a key; `users` needs it too.
pub(crate) fn insert(key: &ApiKey) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(concat!(
        "INSERT INTO api_keys (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    ))
    .bind(key.id.as_str())
    .bind(key.hash.as_bytes().as_slice())
    .bind(&key.name)
    .bind(key.team.to_string())
    .bind(key.subject.to_string())
    .bind(key.role.name())
    .bind(key.limits.requests_per_minute.map(i64::from))
    .bind(micros(key.created_at))
    .bind(key.expires_at.map(micros))
    .bind(key.revoked_at.map(micros))
}

#[derive(FromRow)]
struct KeyRow {
    id: String,
    hash: Vec<u8>,
    name: String,
    team_id: String,
    subject: String,
    role: String,
    requests_per_minute: Option<i64>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

impl KeyRow {
    fn read(self) -> Result<ApiKey, PortError> {
        let row = Row { table: "api_keys", id: &self.id };
        Ok(ApiKey {
            id: row.parse("id", &self.id)?,
            hash: KeyHash::from_bytes(row.known("hash", self.hash.try_into().ok())?),
            team: row.parse("team_id", &self.team_id)?,
            subject: row.subject("subject", &self.subject)?,
            role: row.parse("role", &self.role)?,
            limits: Limits {
                requests_per_minute: row.number_optional("requests_per_minute", self.requests_per_minute)?,
            },
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time_optional("expires_at", self.expires_at)?,
            revoked_at: row.time_optional("revoked_at", self.revoked_at)?,
            name: self.name,
        })
    }
}
