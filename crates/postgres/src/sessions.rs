//! The table `sessions`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, Rotation, SessionStore};
use outcrop_types::{
    AuditDraft, KeyHash, KeyId, LoginMethod, RefreshToken, Session, SessionId, Subject, TeamId,
};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, FromRow, PgConnection, Postgres};

use crate::error::port_error;
use crate::rows::{Row, json_text, unreadable};
use crate::{PostgresStore, refresh_tokens};

/// Most logins that are removed at once. With each go its refresh tokens, which may be thousands.
const PRUNED_AT_ONCE: i64 = 100;

macro_rules! columns {
    () => {
        "sessions.id, sessions.subject, sessions.team_id, sessions.scope, sessions.method, sessions.cookie_id, \
         sessions.cookie_hash, sessions.created_at, sessions.expires_at, sessions.revoked_at"
    };
}
pub(crate) use columns;

#[async_trait]
impl SessionStore for PostgresStore {
    async fn insert_session(
        &self,
        session: &Session,
        refresh: Option<&RefreshToken>,
    ) -> Result<(), PortError> {
        const ATTEMPTED: &str = "insert a login";
        let query = insert(session).map_err(|error| port_error(ATTEMPTED, error))?;
        self.run(ATTEMPTED, async |connection| {
            let mut transaction = connection.begin().await?;
            wait_for_changes(&mut transaction, session.subject).await?;
            query.execute(&mut *transaction).await?;
            if let Some(refresh) = refresh {
                refresh_tokens::insert(refresh).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        })
        .await
    }

    async fn lookup_session(&self, id: SessionId) -> Result<Option<Session>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1"));
        self.fetch_optional::<SessionRow>("look up a login", query.bind(id.to_string()))
            .await?
            .map(SessionRow::read)
            .transpose()
    }

    async fn lookup_session_by_cookie(&self, cookie: &KeyId) -> Result<Option<Session>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE cookie_id = $1"));
        self.fetch_optional::<SessionRow>("look up a login by its cookie", query.bind(cookie.as_str()))
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
        .bind(now);
        Ok(self.execute("end a login", query).await? == 1)
    }

    async fn prune_sessions(&self, before: DateTime<Utc>) -> Result<u64, PortError> {
        let tokens = refresh_tokens::prune(self, before).await?;
        // One that somebody works on is left for the next time.
        let query = sqlx::query(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE expires_at < $1 OR revoked_at < $1
                 LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(before)
        .bind(PRUNED_AT_ONCE);
        Ok(tokens + self.execute("remove old logins", query).await?)
    }
}

/// Waits until a change of a person that is under way is done, and holds up the next one until the transaction ends.
/// A change ends the logins that it sees: one that is kept while it is made is seen by nobody, and would stay.
async fn wait_for_changes(connection: &mut PgConnection, subject: Subject) -> Result<(), sqlx::Error> {
    let Subject::User(user) = subject else { return Ok(()) };
    // One after the other: a lock of both in one statement would be taken in an order of its own.
    for query in [
        "SELECT 1 FROM users WHERE id = $1 FOR SHARE",
        "SELECT 1 FROM passwords WHERE user_id = $1 FOR SHARE",
    ] {
        sqlx::query(query).bind(user.to_string()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A login, which nobody else changes until the transaction ends.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    id: SessionId,
) -> Result<Option<Session>, sqlx::Error> {
    let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1 FOR UPDATE"));
    let row: Option<SessionRow> = query.bind(id.to_string()).fetch_optional(connection).await?;
    row.map(|row| row.read().map_err(unreadable)).transpose()
}

/// Ends a login that was locked, unless it has been; the login as it is then.
pub(crate) async fn revoke(
    connection: &mut PgConnection,
    session: Session,
    now: DateTime<Utc>,
) -> Result<Session, sqlx::Error> {
    let revoked_at = Some(session.revoked_at.map_or(now, |at| at.min(now)));
    sqlx::query("UPDATE sessions SET revoked_at = $2 WHERE id = $1")
        .bind(session.id.to_string())
        .bind(revoked_at)
        .execute(connection)
        .await?;
    Ok(Session { revoked_at, ..session })
}

/// Ends all logins of a person or program that are still good.
pub(crate) async fn end_of_subject(
    connection: &mut PgConnection,
    subject: Subject,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sessions SET revoked_at = $2
         WHERE subject = $1 AND expires_at > $2 AND (revoked_at IS NULL OR revoked_at > $2)",
    )
    .bind(subject.to_string())
    .bind(now)
    .execute(connection)
    .await
    .map(drop)
}

/// Removes all logins of a person or program.
pub(crate) async fn remove_of_subject(
    connection: &mut PgConnection,
    subject: Subject,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM sessions WHERE subject = $1").bind(subject.to_string());
    query.execute(connection).await.map(drop)
}

/// Removes all logins for a team.
pub(crate) async fn remove_of_team(connection: &mut PgConnection, team: TeamId) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM sessions WHERE team_id = $1").bind(team.to_string());
    query.execute(connection).await.map(drop)
}

fn insert(session: &Session) -> Result<Query<'_, Postgres, PgArguments>, sqlx::Error> {
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
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(session.revoked_at);
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
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
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
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}
