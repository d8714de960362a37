//! From SQLite's errors to the three that callers can act on.

use std::error::Error;

use outcrop_ports::PortError;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// What a failed statement means. `attempted` follows "could not".
pub(crate) fn port_error(attempted: &'static str, error: sqlx::Error) -> PortError {
    match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => PortError::conflict(attempted),
        sqlx::Error::Database(inner) if may_pass(&**inner) => PortError::unavailable(attempted, cause(error)),
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => PortError::unavailable(attempted, cause(error)),
        _ => PortError::broken(attempted, cause(error)),
    }
}

/// The error without the driver's wrapping where that repeats its own cause.
fn cause(error: sqlx::Error) -> Box<dyn Error + Send + Sync> {
    match error {
        sqlx::Error::Database(inner) => inner.into_error(),
        sqlx::Error::Io(inner) => inner.into(),
        other => other.into(),
    }
}

/// What a failed migration means.
pub(crate) fn migrate_error(attempted: &'static str, error: MigrateError) -> PortError {
    match error {
        MigrateError::Execute(error) => port_error(attempted, error),
        other => PortError::broken(attempted, other),
    }
}

/// Whether somebody else is in the file just now.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    let sqlx::Error::Database(error) = error else { return false };
    error.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == BUSY)
}

/// Whether the trouble is with the file, the disk or other processes, and not with what was asked.
/// The primary result code is the lowest byte of the extended one (<https://www.sqlite.org/rescode.html>).
fn may_pass(error: &dyn DatabaseError) -> bool {
    const PERM: i32 = 3;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, PERM | BUSY | LOCKED | READONLY | IOERR | FULL | CANTOPEN))
}
