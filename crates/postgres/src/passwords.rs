//! The table `passwords`.

use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError};
use outcrop_types::{Subject, User, UserId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{FromRow, PgConnection};

use crate::rows::storable;
use crate::users::{self, UserRow};
use crate::{PostgresStore, invitations, sessions};

/// The user of this name, and the hash of its password if one is set.
pub(crate) async fn lookup(
    store: &PostgresStore,
    name: &str,
) -> Result<Option<(User, Option<SecretString>)>, PortError> {
    if !storable(name) {
        return Ok(None);
    }
    let query = sqlx::query_as(concat!(
        "SELECT ",
        users::columns!(),
        ", passwords.hash FROM users LEFT JOIN passwords ON passwords.user_id = users.id WHERE users.name = $1"
    ))
    .bind(name);
    let row = store.fetch_optional::<PasswordRow>("look up a password", query).await?;
    row.map(|row| Ok((row.user.read()?, row.hash.map(SecretString::from)))).transpose()
}

/// Sets a password. Whoever knew the one before, or was invited to set one, is out. A foreign key is broken if
/// there is no such user.
pub(crate) async fn set(
    connection: &mut PgConnection,
    user: UserId,
    password: &SecretString,
    now: DateTime<Utc>,
) -> Result<Changed, sqlx::Error> {
    sqlx::query(
        "INSERT INTO passwords (user_id, hash, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, updated_at = excluded.updated_at",
    )
    .bind(user.to_string())
    .bind(password.expose_secret())
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sessions::end_of_subject(connection, Subject::User(user), now).await?;
    invitations::withdraw(connection, user).await?;
    Ok(Changed::Done)
}

/// Removes the password, if there is one, and ends all logins.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    // A login that is being kept is seen once it is kept, and not before: as long as this waits for it.
    sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE")
        .bind(user.to_string())
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM passwords WHERE user_id = $1")
        .bind(user.to_string())
        .execute(&mut *connection)
        .await?;
    sessions::end_of_subject(connection, Subject::User(user), now).await
}

/// Takes a new hash in place of the old one, if that is still there.
pub(crate) async fn rehash(
    store: &PostgresStore,
    user: UserId,
    old: &SecretString,
    new: &SecretString,
) -> Result<bool, PortError> {
    let query = sqlx::query("UPDATE passwords SET hash = $3 WHERE user_id = $1 AND hash = $2")
        .bind(user.to_string())
        .bind(old.expose_secret())
        .bind(new.expose_secret());
    Ok(store.execute("keep another hash of a password", query).await? == 1)
}

#[derive(FromRow)]
struct PasswordRow {
    #[sqlx(flatten)]
    user: UserRow,
    hash: Option<String>,
}
