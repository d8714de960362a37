//! How changes are made: one transaction each, with the audit event in it.
//!
//! A transaction that may write has the file to itself, in this process and all others. So the log is numbered
//! without a gap, and what a change has read (is another admin left?) holds until it commits.

use outcrop_ports::{Changed, PortError};
use outcrop_types::AuditDraft;
use sqlx::error::ErrorKind;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use crate::error::port_error;
use crate::{SqliteStore, audit};

impl SqliteStore {
    /// Makes a change and writes its event, unless it turns out as anything but `Done`. A name or id that is
    /// there already is `Taken`, and a reference to what is not there is `Stale`.
    pub(crate) async fn change(
        &self,
        attempted: &'static str,
        event: &AuditDraft,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<Changed, sqlx::Error>,
    ) -> Result<Changed, PortError> {
        let done = |changed: &Changed| *changed == Changed::Done;
        self.audited(attempted, event, done, async |connection| changed(work(connection).await)).await
    }

    /// The same, for what may take a platform admin away: it is `LastAdmin` if there was one and none is left.
    pub(crate) async fn change_of_admins(
        &self,
        attempted: &'static str,
        event: &AuditDraft,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<Changed, sqlx::Error>,
    ) -> Result<Changed, PortError> {
        self.change(attempted, event, async |connection| {
            let had_admin = has_admin(connection).await?;
            let changed = work(connection).await?;
            if changed == Changed::Done && had_admin && !has_admin(connection).await? {
                return Ok(Changed::LastAdmin);
            }
            Ok(changed)
        })
        .await
    }

    /// Does a piece of work and writes an event in the same transaction, if `done` says of its result that
    /// anything was done; else nothing is written.
    pub(crate) async fn audited<T>(
        &self,
        attempted: &'static str,
        event: &AuditDraft,
        done: impl FnOnce(&T) -> bool,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        let mut transaction = self.begin(attempted).await?;
        let result = work(&mut transaction).await.map_err(|error| port_error(attempted, error))?;
        let ended = if done(&result) {
            let appended = audit::append(&mut transaction, event).await;
            appended.map_err(|error| port_error(attempted, error))?;
            transaction.commit().await
        } else {
            transaction.rollback().await
        };
        ended.map_err(|error| port_error(attempted, error))?;
        Ok(result)
    }
}

/// `Done` if a statement found its row, which is no other and no newer than the caller read; else `Stale`.
pub(crate) async fn one_row(
    connection: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<Changed, sqlx::Error> {
    let found = query.execute(connection).await?.rows_affected() == 1;
    Ok(if found { Changed::Done } else { Changed::Stale })
}

/// What stood in the way of a change, where that is no trouble of the database.
fn changed(result: Result<Changed, sqlx::Error>) -> Result<Changed, sqlx::Error> {
    let Err(sqlx::Error::Database(error)) = &result else { return result };
    match error.kind() {
        ErrorKind::UniqueViolation => Ok(Changed::Taken),
        ErrorKind::ForeignKeyViolation => Ok(Changed::Stale),
        _ => result,
    }
}

/// Whether anybody can act as platform admin.
async fn has_admin(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // The role is spelt out: only so does SQLite see that the index of admins will do.
    let (found,) = sqlx::query_as(
        "SELECT EXISTS (
             SELECT 1 FROM memberships
             JOIN users ON users.id = memberships.user_id AND users.disabled_at IS NULL
             JOIN teams ON teams.id = memberships.team_id AND teams.disabled_at IS NULL
             WHERE memberships.role = 'platform_admin')",
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}
