//! The table `api_keys`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, KeyFilter, KeyStore, PortError};
use outcrop_types::{ApiKey, AuditDraft, KeyHash, KeyId, Limits, Page, Policy, Subject, TeamId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::change::one_row;
use crate::error::port_error;
use crate::rows::{Row, json_text, micros, one_more, push_name_prefix};
use crate::{SqliteStore, policies};

macro_rules! columns {
    () => {
        "id, hash, name, team_id, subject, role, requests_per_minute, scope, tags, created_at, expires_at, \
         revoked_at, last_used_at, replaced_by, revision"
    };
}

/// Most keys whose last use one statement notes.
const TOUCHED_AT_ONCE: usize = 1_000;

#[async_trait]
impl KeyStore for SqliteStore {
    async fn insert_key(&self, key: &ApiKey, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("insert an API key", audit, async |connection| one_row(connection, insert(key)?).await)
            .await
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
        filter: &KeyFilter,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Page<ApiKey>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM api_keys WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            // Keys are never removed, so what the page before ended with is still there.
            query.push(" AND (created_at, id) < (SELECT created_at, id FROM api_keys WHERE id = ");
            query.push_bind(after.as_str().to_owned()).push(")");
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<KeyRow> = self.read_all("list API keys", query.build_query_as()).await?;
        let keys = rows.into_iter().map(KeyRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(keys, limit))
    }

    async fn update_key(&self, key: &ApiKey, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("change an API key", audit, async |connection| one_row(connection, update(key)?).await)
            .await
    }

    async fn replace_key(
        &self,
        old: &ApiKey,
        next: &ApiKey,
        policies: &[Policy],
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("replace an API key", audit, async |connection| {
            match one_row(connection, update(old)?).await? {
                Changed::Done => {
                    policies::pass_on(connection, policies).await?;
                    one_row(connection, insert(next)?).await
                }
                other => Ok(other),
            }
        })
        .await
    }

    async fn touch_keys(&self, used: &[(KeyId, DateTime<Utc>)]) -> Result<(), PortError> {
        const ATTEMPTED: &str = "note the last use of API keys";
        for used in used.chunks(TOUCHED_AT_ONCE) {
            let used: Vec<_> = used.iter().map(|(id, at)| (id.as_str(), micros(*at))).collect();
            let used = json_text(&used).map_err(|error| port_error(ATTEMPTED, error))?;
            let query = sqlx::query(
                "WITH used AS (
                     SELECT json_extract(value, '$[0]') AS id, max(json_extract(value, '$[1]')) AS at
                     FROM json_each($1) GROUP BY 1
                 )
                 UPDATE api_keys SET last_used_at = used.at FROM used
                 WHERE api_keys.id = used.id
                   AND (api_keys.last_used_at IS NULL OR api_keys.last_used_at < used.at)",
            )
            .bind(used);
            self.write(ATTEMPTED, query).await?;
        }
        Ok(())
    }
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &KeyFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(subject) = filter.subject {
        query.push(" AND subject = ").push_bind(subject.to_string());
    }
    if let Some(prefix) = &filter.name_prefix {
        push_name_prefix(query, prefix);
    }
    if let Some(at) = filter.active_at {
        query.push(" AND (expires_at IS NULL OR expires_at > ").push_bind(micros(at));
        query.push(") AND (revoked_at IS NULL OR revoked_at > ").push_bind(micros(at)).push(")");
    }
}

/// The statement that adds a key; `users` needs it too.
pub(crate) fn insert(key: &ApiKey) -> Result<Query<'_, Sqlite, SqliteArguments>, sqlx::Error> {
    let query = sqlx::query(concat!(
        "INSERT INTO api_keys (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    ))
    .bind(key.id.as_str())
    .bind(key.hash.as_bytes().as_slice())
    .bind(&key.name)
    .bind(key.team.to_string())
    .bind(key.subject.to_string())
    .bind(key.role.name())
    .bind(key.limits.requests_per_minute.map(i64::from))
    .bind(json_text(&key.scope)?)
    .bind(json_text(&key.tags)?)
    .bind(micros(key.created_at))
    .bind(key.expires_at.map(micros))
    .bind(key.revoked_at.map(micros))
    .bind(key.last_used_at.map(micros))
    .bind(key.replaced_by.as_ref().map(KeyId::as_str))
    .bind(i64::from(key.revision));
    Ok(query)
}

/// The statement that writes what can change of a key, if nobody did since it was read.
fn update(key: &ApiKey) -> Result<Query<'_, Sqlite, SqliteArguments>, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE api_keys
         SET name = $3, requests_per_minute = $4, scope = $5, tags = $6, expires_at = $7, revoked_at = $8,
             replaced_by = $9, revision = revision + 1
         WHERE id = $1 AND revision = $2",
    )
    .bind(key.id.as_str())
    .bind(i64::from(key.revision))
    .bind(&key.name)
    .bind(key.limits.requests_per_minute.map(i64::from))
    .bind(json_text(&key.scope)?)
    .bind(json_text(&key.tags)?)
    .bind(key.expires_at.map(micros))
    .bind(key.revoked_at.map(micros))
    .bind(key.replaced_by.as_ref().map(KeyId::as_str));
    Ok(query)
}

/// Revokes the keys of a person or program; one that would be revoked later is revoked now.
pub(crate) async fn revoke_of_subject(
    connection: &mut SqliteConnection,
    subject: Subject,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE api_keys SET revoked_at = $2, revision = revision + 1
         WHERE subject = $1 AND (revoked_at IS NULL OR revoked_at > $2)",
    )
    .bind(subject.to_string())
    .bind(micros(now))
    .execute(connection)
    .await
    .map(drop)
}

/// Revokes the keys of a team likewise.
pub(crate) async fn revoke_of_team(
    connection: &mut SqliteConnection,
    team: TeamId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE api_keys SET revoked_at = $2, revision = revision + 1
         WHERE team_id = $1 AND (revoked_at IS NULL OR revoked_at > $2)",
    )
    .bind(team.to_string())
    .bind(micros(now))
    .execute(connection)
    .await
    .map(drop)
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
    scope: String,
    tags: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    replaced_by: Option<String>,
    revision: i64,
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
            scope: row.json("scope", &self.scope)?,
            tags: row.json::<BTreeMap<_, _>>("tags", &self.tags)?,
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time_optional("expires_at", self.expires_at)?,
            revoked_at: row.time_optional("revoked_at", self.revoked_at)?,
            last_used_at: row.time_optional("last_used_at", self.last_used_at)?,
            replaced_by: row.parse_optional("replaced_by", self.replaced_by.as_deref())?,
            revision: row.number("revision", self.revision)?,
            name: self.name,
        })
    }
}
