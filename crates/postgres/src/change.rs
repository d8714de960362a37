//! How changes are made: one transaction each, with the audit event in it.
//!
//! Every change first locks the head of the audit log, so that on the whole platform one is made at a time. That
//! numbers the log without a gap, and what a change has read (is another admin left?) holds until it commits. And
//! since no change takes any lock before this one, no two of them wait for each other in a circle.
//! What is written without an event (logins, the last use of keys) does not wait here, and must not wait for
//! anything a change may hold while it holds what the change needs: it locks one login at a time, or rows in
//! the order of their ids, or only such as are free.

use outcrop_ports::{Changed, PortError};
use outcrop_types::{AuditDraft, Role};
use sqlx::error::ErrorKind;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, PgConnection, Postgres};

use crate::{PostgresStore, audit};

impl PostgresStore {
    /// Makes a change and writes its event, unless it turns out as anything but `Done`. A name or id that is
    /// there already is `Taken`, and a reference to what is not there is `Stale`.
    pub(crate) async fn change(
        &self,
        attempted: &'static str,
        event: &AuditDraft,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<Changed, sqlx::Error>,
    ) -> Result<Changed, PortError> {
        let done = |changed: &Changed| *changed == Changed::Done;
        self.audited(attempted, event, done, async |connection| changed(work(connection).await)).await
    }

    /// The same, for what may take a platform admin away: it is `LastAdmin` if there was one and none is left.
    pub(crate) async fn change_of_admins(
        &self,
        attempted: &'static str,
        event: &AuditDraft,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<Changed, sqlx::Error>,
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
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        self.run(attempted, async |connection| {
            let mut transaction = connection.begin().await?;
            let head = audit::lock_head(&mut transaction).await?;
            let result = match work(&mut transaction).await {
                Ok(result) => result,
                Err(error) => {
                    // At once, since others wait for the head. Why the work failed says more than why this did.
                    let _ = transaction.rollback().await;
                    return Err(error);
                }
            };
            if done(&result) {
                audit::append(&mut transaction, &head, event).await?;
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            Ok(result)
        })
        .await
    }
}

/// `Done` if a statement found its row, which is no other and no newer than the caller read; else `Stale`.
pub(crate) async fn one_row(
    connection: &mut PgConnection,
    query: Query<'_, Postgres, PgArguments>,
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
async fn has_admin(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let (found,) = sqlx::query_as(
        "SELECT EXISTS (
             SELECT 1 FROM memberships
             JOIN users ON users.id = memberships.user_id AND users.disabled_at IS NULL
             JOIN teams ON teams.id = memberships.team_id AND teams.disabled_at IS NULL
             WHERE memberships.role = $1)",
    )
    .bind(Role::PlatformAdmin.name())
    .fetch_one(connection)
    .await?;
    Ok(found)
}
