//! The table `invitations`.

use outcrop_ports::PortError;
use outcrop_types::{Invitation, KeyHash, KeyId, UserId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, Sqlite, SqliteConnection};

use crate::SqliteStore;
use crate::rows::{Row, micros, unreadable};

/// The statement that adds an invitation; the user must have none.
pub(crate) fn insert(invitation: &Invitation) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(
        "INSERT INTO invitations (id, hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(invitation.id.as_str())
    .bind(invitation.hash.as_bytes().as_slice())
    .bind(invitation.user.to_string())
    .bind(micros(invitation.created_at))
    .bind(micros(invitation.expires_at))
}

/// Removes the invitation of a user, if there is one.
pub(crate) async fn withdraw(connection: &mut SqliteConnection, user: UserId) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM invitations WHERE user_id = $1").bind(user.to_string());
    query.execute(connection).await.map(drop)
}

/// Uses up an invitation; whose it was, if it was there.
pub(crate) async fn take(
    connection: &mut SqliteConnection,
    id: &KeyId,
) -> Result<Option<UserId>, sqlx::Error> {
    let taken: Option<(String,)> = sqlx::query_as("DELETE FROM invitations WHERE id = $1 RETURNING user_id")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    let row = Row { table: "invitations", id: id.as_str() };
    taken.map(|(user,)| row.parse("user_id", &user)).transpose().map_err(unreadable)
}

/// The invitation with this id.
pub(crate) async fn lookup(store: &SqliteStore, id: &KeyId) -> Result<Option<Invitation>, PortError> {
    let query =
        sqlx::query_as("SELECT id, hash, user_id, created_at, expires_at FROM invitations WHERE id = $1")
            .bind(id.as_str());
    let row = store.read_optional::<InvitationRow>("look up an invitation", query).await?;
    row.map(InvitationRow::read).transpose()
}

#[derive(FromRow)]
struct InvitationRow {
    id: String,
    hash: Vec<u8>,
    user_id: String,
    created_at: i64,
    expires_at: i64,
}

impl InvitationRow {
    fn read(self) -> Result<Invitation, PortError> {
        let row = Row { table: "invitations", id: &self.id };
        Ok(Invitation {
            id: row.parse("id", &self.id)?,
            hash: KeyHash::from_bytes(row.known("hash", self.hash.try_into().ok())?),
            user: row.parse("user_id", &self.user_id)?,
            created_at: row.time("created_at", self.created_at)?,
            expires_at: row.time("expires_at", self.expires_at)?,
        })
    }
}
