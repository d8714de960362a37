//! The table `refresh_tokens`.

use chrono::{DateTime, Utc};
use outcrop_ports::{PortError, Rotation};
use outcrop_types::{AuditDraft, KeyHash, KeyId, RefreshToken, Session};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, Sqlite, SqliteConnection};

use crate::error::port_error;
use crate::rows::{Row, micros, unreadable};
use crate::sessions::{self, SessionRow};
use crate::{SqliteStore, audit};

/// Most tokens that are removed at once.
const PRUNED_AT_ONCE: i64 = 10_000;

macro_rules! select {
    () => {
        concat!(
            // By names of their own: a session has an id and times too.
            "SELECT refresh_tokens.id AS refresh_id, refresh_tokens.hash AS refresh_hash,
                    refresh_tokens.session_id AS refresh_session_id,
                    refresh_tokens.created_at AS refresh_created_at,
                    refresh_tokens.expires_at AS refresh_expires_at, refresh_tokens.used_at AS refresh_used_at, ",
            sessions::columns!(),
            " FROM refresh_tokens JOIN sessions ON sessions.id = refresh_tokens.session_id
             WHERE refresh_tokens.id = $1"
        )
    };
}

/// The token with this id, and its login.
pub(crate) async fn lookup(
    store: &SqliteStore,
    id: &KeyId,
) -> Result<Option<(RefreshToken, Session)>, PortError> {
    let query = sqlx::query_as(select!()).bind(id.as_str());
    let row = store.read_optional::<RefreshRow>("look up a refresh token", query).await?;
    row.map(RefreshRow::read).transpose()
}

/// Uses up a token and keeps the next one; ends the login, and tells of it, if the token was used before and the login
/// is still good.
pub(crate) async fn rotate(
    store: &SqliteStore,
    used: &RefreshToken,
    next: &RefreshToken,
    now: DateTime<Utc>,
    reuse: &AuditDraft,
) -> Result<Rotation, PortError> {
    const ATTEMPTED: &str = "use a refresh token";
    let mut transaction = store.begin(ATTEMPTED).await?;
    let rotation = use_up(&mut transaction, used, next, now, reuse).await;
    let rotation = rotation.map_err(|error| port_error(ATTEMPTED, error))?;
    transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
    Ok(rotation)
}

async fn use_up(
    connection: &mut SqliteConnection,
    used: &RefreshToken,
    next: &RefreshToken,
    now: DateTime<Utc>,
    reuse: &AuditDraft,
) -> Result<Rotation, sqlx::Error> {
    let query = sqlx::query_as(select!()).bind(used.id.as_str());
    let row: Option<RefreshRow> = query.fetch_optional(&mut *connection).await?;
    let found = row.map(|row| row.read().map_err(unreadable)).transpose()?;
    let Some((token, session)) = found.filter(|(token, _)| token.hash == used.hash) else {
        return Ok(Rotation::Refused);
    };
    if !session.is_active(now) {
        // Before anything else: of many at once the second ends the login, and is the last that is told of.
        return Ok(Rotation::Refused);
    }
    if token.used_at.is_some() {
        let session = sessions::revoke(connection, session, now).await?;
        audit::append(connection, reuse).await?;
        return Ok(Rotation::Reused(session));
    }
    if token.expires_at <= now {
        return Ok(Rotation::Refused);
    }
    sqlx::query("UPDATE refresh_tokens SET used_at = $2 WHERE id = $1")
        .bind(used.id.as_str())
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    insert(next).execute(connection).await?;
    Ok(Rotation::Done(session))
}

/// Removes some of the tokens that expired before a time; says how many.
pub(crate) async fn prune(store: &SqliteStore, before: DateTime<Utc>) -> Result<u64, PortError> {
    let query = sqlx::query(
        "DELETE FROM refresh_tokens WHERE id IN (
             SELECT id FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)",
    )
    .bind(micros(before))
    .bind(PRUNED_AT_ONCE);
    store.write("remove old refresh tokens", query).await
}

/// The statement that adds a token; `sessions` needs it too.
pub(crate) fn insert(refresh: &RefreshToken) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(
        "INSERT INTO refresh_tokens (id, hash, session_id, created_at, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(refresh.id.as_str())
    .bind(refresh.hash.as_bytes().as_slice())
    .bind(refresh.session.to_string())
    .bind(micros(refresh.created_at))
    .bind(micros(refresh.expires_at))
    .bind(refresh.used_at.map(micros))
}

#[derive(FromRow)]
struct RefreshRow {
    refresh_id: String,
    refresh_hash: Vec<u8>,
    refresh_session_id: String,
    refresh_created_at: i64,
    refresh_expires_at: i64,
    refresh_used_at: Option<i64>,
    #[sqlx(flatten)]
    session: SessionRow,
}

impl RefreshRow {
    fn read(self) -> Result<(RefreshToken, Session), PortError> {
        let row = Row { table: "refresh_tokens", id: &self.refresh_id };
        let token = RefreshToken {
            id: row.parse("id", &self.refresh_id)?,
            hash: KeyHash::from_bytes(row.known("hash", self.refresh_hash.try_into().ok())?),
            session: row.parse("session_id", &self.refresh_session_id)?,
            created_at: row.time("created_at", self.refresh_created_at)?,
            expires_at: row.time("expires_at", self.refresh_expires_at)?,
            used_at: row.time_optional("used_at", self.refresh_used_at)?,
        };
        Ok((token, self.session.read()?))
    }
}
