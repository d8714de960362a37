//! The table `sessions`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, Rotation, SessionStore};
use outcrop_types::{
    AuditDraft, KeyHash, KeyId, LoginMethod, RefreshToken, Session, SessionId, Subject, TeamId,
};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, Sqlite, SqliteConnection};

use crate::error::port_error;
use crate::rows::{Row, json_text, micros};
use crate::{SqliteStore, refresh_tokens};

/// Most logins that are removed at once. With each go its refresh tokens, which may be thousands, and meanwhile
/// nobody else writes.
const PRUNED_AT_ONCE: i64 = 100;

macro_rules! columns {
    () => {
        "sessions.id AS id, sessions.subject AS subject, sessions.team_id AS team_id, sessions.scope AS scope, \
         sessions.method AS method, sessions.cookie_id AS cookie_id, sessions.cookie_hash AS cookie_hash, \
         sessions.created_at AS created_at, sessions.expires_at AS expires_at, \
         sessions.revoked_at AS revoked_at"
    };
}
pub(crate) use columns;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn insert_session(
        &self,
        session: &Session,
        refresh: Option<&RefreshToken>,
    ) -> Result<(), PortError> {
        const ATTEMPTED: &str = "insert a login";
        let mut transaction = self.begin(ATTEMPTED).await?;
        keep(&mut transaction, session, refresh).await.map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))
    }

    async fn lookup_session(&self, id: SessionId) -> Result<Option<Session>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1"));
        self.read_optional::<SessionRow>("look up a login", query.bind(id.to_string()))
            .await?
            .map(SessionRow::read)
            .transpose()
    }

    async fn lookup_session_by_cookie(&self, cookie: &KeyId) -> Result<Option<Session>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE cookie_id = $1"));
        self.read_optional::<SessionRow>("look up a login by its cookie", query.bind(cookie.as_str()))
            .await?
            .map(SessionRow::read)
            .transpose()
    }

    async fn lookup_refresh(&self, id: &KeyId) -> Result<Option<(RefreshToken, Session)>, PortError> {
        refresh_tokens::lookup(self, id).await
    }

    async fn rotate_refresh(
        &self,
        used: &RefreshToken,
        next: &RefreshToken,
        now: DateTime<Utc>,
        reuse: &AuditDraft,
    ) -> Result<Rotation, PortError> {
        refresh_tokens::rotate(self, used, next, now, reuse).await
    }

    async fn revoke_session(&self, id: SessionId, now: DateTime<Utc>) -> Result<bool, PortError> {
        let query = sqlx::query(
            "UPDATE sessions SET revoked_at = $2
             WHERE id = $1 AND expires_at > $2 AND (revoked_at IS NULL OR revoked_at > $2)",
        )
        .bind(id.to_string())
        .bind(micros(now));
        Ok(self.write("end a login", query).await? == 1)
    }

    async fn prune_sessions(&self, before: DateTime<Utc>) -> Result<u64, PortError> {
        let tokens = refresh_tokens::prune(self, before).await?;
        let query = sqlx::query(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE expires_at < $1 OR revoked_at < $1 LIMIT $2)",
        )
        .bind(micros(before))
        .bind(PRUNED_AT_ONCE);
        Ok(tokens + self.write("remove old logins", query).await?)
    }
}

async fn keep(
    connection: &mut SqliteConnection,
    session: &Session,
    refresh: Option<&RefreshToken>,
) -> Result<(), sqlx::Error> {
    insert(session)?.execute(&mut *connection).await?;
    if let Some(refresh) = refresh {
        refresh_tokens::insert(refresh).execute(connection).await?;
    }
    Ok(())
}

/// Ends a login, unless it has been; the login as it is then.
pub(crate) async fn revoke(
    connection: &mut SqliteConnection,
    session: Session,
    now: DateTime<Utc>,
) -> Result<Session, sqlx::Error> {
    let revoked_at = session.revoked_at.map_or(now, |at| at.min(now));
    sqlx::query("UPDATE sessions SET revoked_at = $2 WHERE id = $1")
        .bind(session.id.to_string())
        .bind(micros(revoked_at))
        .execute(connection)
        .await?;
    Ok(Session { revoked_at: Some(revoked_at), ..session })
}

/// Ends all logins of a person or program that are still good.
pub(crate) async fn end_of_subject(
    connection: &mut SqliteConnection,
    subject: Subject,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sessions SET revoked_at = $2
         WHERE subject = $1 AND expires_at > $2 AND (revoked_at IS NULL OR revoked_at > $2)",
    )
    .bind(subject.to_string())
    .bind(micros(now))
    .execute(connection)
    .await
    .map(drop)
}

/// Removes all logins of a person or program.
pub(crate) async fn remove_of_subject(
    connection: &mut SqliteConnection,
    subject: Subject,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM sessions WHERE subject = $1").bind(subject.to_string());
    query.execute(connection).await.map(drop)
}

/// Removes all logins for a team.
pub(crate) async fn remove_of_team(
    connection: &mut SqliteConnection,
    team: TeamId,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM sessions WHERE team_id = $1").bind(team.to_string());
    query.execute(connection).await.map(drop)
}

fn insert(session: &Session) -> Result<Query<'_, Sqlite, SqliteArguments>, sqlx::Error> {
    let (cookie_id, cookie_hash) = session.cookie.as_ref().map(|(id, hash)| (id, hash)).unzip();
    let query = sqlx::query(
        "INSERT INTO sessions (id, subject, team_id, scope, method, cookie_id, cookie_hash, created_at,
                               expires_at, revoked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(session.id.to_string())
    .bind(session.subject.to_string())
    .bind(session.team.to_string())
    .bind(json_text(&session.scope)?)
    .bind(session.method.name())
    .bind(cookie_id.map(KeyId::as_str))
    .bind(cookie_hash.map(|hash| hash.as_bytes().as_slice()))
    .bind(micros(session.created_at))
    .bind(micros(session.expires_at))
    .bind(session.revoked_at.map(micros));
    Ok(query)
}

#[derive(FromRow)]
pub(crate) struct SessionRow {
    id: String,
    subject: String,
    team_id: String,
    scope: String,
    method: String,
    cookie_id: Option<String>,
    cookie_hash: Option<Vec<u8>>,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl SessionRow {
    pub(crate) fn read(self) -> Result<Session, PortError> {
        let row = Row { table: "sessions", id: &self.id };
        let cookie = match row.parse_optional("cookie_id", self.cookie_id.as_deref())? {
            Some(id) => {
                let hash = self.cookie_hash.and_then(|hash| hash.try_into().ok());
                Some((id, KeyHash::from_bytes(row.known("cookie_hash", hash)?)))
            }
            None => None,
        };
        Ok(Session {
            id: row.parse("id", &self.id)?,
            subject: row.subject("subject", &self.subject)?,
            team: row.parse("team_id", &self.team_id)?,
            scope: row.json("scope", &self.scope)?,
            method: row.known("method", LoginMethod::parse(&self.method))?,
            cookie,
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time("expires_at", self.expires_at)?,
            revoked_at: row.time_optional("revoked_at", self.revoked_at)?,
        })
    }
}
