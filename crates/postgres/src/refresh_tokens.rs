//! The table `refresh_tokens`.
//!
//! Whoever touches a token locks its login before, or takes only tokens that nobody else works on.

use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, Rotation};
use outcrop_types::{AuditDraft, KeyHash, KeyId, RefreshToken, Session};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, FromRow, PgConnection, Postgres};

use crate::PostgresStore;
use crate::rows::{Row, unreadable};
use crate::sessions::{self, SessionRow};

/// Most tokens that are removed at once.
const PRUNED_AT_ONCE: i64 = 10_000;

macro_rules! columns {
    () => {
        // By names of their own: a session has an id and times too.
        "refresh_tokens.id AS refresh_id, refresh_tokens.hash AS refresh_hash, \
         refresh_tokens.session_id AS refresh_session_id, refresh_tokens.created_at AS refresh_created_at, \
         refresh_tokens.expires_at AS refresh_expires_at, refresh_tokens.used_at AS refresh_used_at"
    };
}

/// The token with this id, and its login.
pub(crate) async fn lookup(
    store: &PostgresStore,
    id: &KeyId,
) -> Result<Option<(RefreshToken, Session)>, PortError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        ", ",
        sessions::columns!(),
        " FROM refresh_tokens JOIN sessions ON sessions.id = refresh_tokens.session_id
         WHERE refresh_tokens.id = $1"
    ))
    .bind(id.as_str());
    let row = store.fetch_optional::<RefreshedRow>("look up a refresh token", query).await?;
    row.map(|row| Ok((row.refresh.read()?, row.session.read()?))).transpose()
}

/// Uses up a token and keeps the next one; ends the login, and tells of it, if the token was used before and the login
/// is still good.
pub(crate) async fn rotate(
    store: &PostgresStore,
    used: &RefreshToken,
    next: &RefreshToken,
    now: DateTime<Utc>,
    reuse: &AuditDraft,
) -> Result<Rotation, PortError> {
    const ATTEMPTED: &str = "use a refresh token";
    let rotation = store
        .run(ATTEMPTED, async |connection| {
            let mut transaction = connection.begin().await?;
            let rotation = use_up(&mut transaction, used, next, now).await?;
            transaction.commit().await?;
            Ok(rotation)
        })
        .await?;
    let reused = |rotation: &Rotation| matches!(rotation, Rotation::Reused(_));
    if !reused(&rotation) {
        return Ok(rotation);
    }
    // In a transaction of its own, since whoever writes to the audit log locks that first. Meanwhile a token
    // that was used stays so, while its login may have been ended by another.
    store
        .audited(ATTEMPTED, reuse, reused, async |connection| {
            match sessions::lock(connection, used.session).await? {
                Some(session) if session.is_active(now) => {
                    sessions::revoke(connection, session, now).await.map(Rotation::Reused)
                }
                _ => Ok(Rotation::Refused),
            }
        })
        .await
}

/// Uses up a token and keeps the next one, unless that cannot be; `Reused` changes nothing yet.
async fn use_up(
    connection: &mut PgConnection,
    used: &RefreshToken,
    next: &RefreshToken,
    now: DateTime<Utc>,
) -> Result<Rotation, sqlx::Error> {
    let Some(session) = sessions::lock(connection, used.session).await? else {
        return Ok(Rotation::Refused);
    };
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM refresh_tokens WHERE id = $1 AND session_id = $2"
    ))
    .bind(used.id.as_str())
    .bind(used.session.to_string());
    let row: Option<RefreshRow> = query.fetch_optional(&mut *connection).await?;
    let token = row.map(|row| row.read().map_err(unreadable)).transpose()?;
    let Some(token) = token.filter(|token| token.hash == used.hash) else {
        return Ok(Rotation::Refused);
    };
    if !session.is_active(now) {
        // Before anything else: of many at once the second ends the login, and is the last that is told of.
        return Ok(Rotation::Refused);
    }
    if token.used_at.is_some() {
        return Ok(Rotation::Reused(session));
    }
    if token.expires_at <= now {
        return Ok(Rotation::Refused);
    }
    sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE id = $1")
        .bind(used.id.as_str())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    insert(next).execute(&mut *connection).await?;
    Ok(Rotation::Done(session))
}

/// Removes some of the tokens that expired before a time; says how many.
pub(crate) async fn prune(store: &PostgresStore, before: DateTime<Utc>) -> Result<u64, PortError> {
    let query = sqlx::query(
        "DELETE FROM refresh_tokens WHERE id IN (
             SELECT id FROM refresh_tokens WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    )
    .bind(before)
    .bind(PRUNED_AT_ONCE);
    store.execute("remove old refresh tokens", query).await
}

/// The statement that adds a token; `sessions` needs it too.
pub(crate) fn insert(refresh: &RefreshToken) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "INSERT INTO refresh_tokens (id, hash, session_id, created_at, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(refresh.id.as_str())
    .bind(refresh.hash.as_bytes().as_slice())
    .bind(refresh.session.to_string())
    .bind(refresh.created_at)
    .bind(refresh.expires_at)
    .bind(refresh.used_at)
}

#[derive(FromRow)]
struct RefreshRow {
    refresh_id: String,
    refresh_hash: Vec<u8>,
    refresh_session_id: String,
    refresh_created_at: DateTime<Utc>,
    refresh_expires_at: DateTime<Utc>,
    refresh_used_at: Option<DateTime<Utc>>,
}

impl RefreshRow {
    fn read(self) -> Result<RefreshToken, PortError> {
        let row = Row { table: "refresh_tokens", id: &self.refresh_id };
        Ok(RefreshToken {
            id: row.parse("id", &self.refresh_id)?,
            hash: KeyHash::from_bytes(row.known("hash", self.refresh_hash.try_into().ok())?),
            session: row.parse("session_id", &self.refresh_session_id)?,
            created_at: self.refresh_created_at,
            expires_at: self.refresh_expires_at,
            used_at: self.refresh_used_at,
        })
    }
}

#[derive(FromRow)]
struct RefreshedRow {
    #[sqlx(flatten)]
    refresh: RefreshRow,
    #[sqlx(flatten)]
    session: SessionRow,
}
