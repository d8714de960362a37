//! From Postgres's errors to the three that callers can act on.

use std::error::Error;

use outcrop_ports::PortError;
use sqlx::migrate::MigrateError;

/// What a failed statement means. `attempted` follows "could not".
pub(crate) fn port_error(attempted: &'static str, error: sqlx::Error) -> PortError {
    match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => PortError::conflict(attempted),
        sqlx::Error::Database(inner) if inner.code().is_some_and(|code| may_pass(&code)) => {
            PortError::unavailable(attempted, cause(error))
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
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

/// Whether the trouble is with the server or with others who use it, and not with what was asked
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn may_pass(code: &str) -> bool {
    // Connection, credentials (they are rotated under us), insufficient resources, operator intervention
    // (shutdown, statement time-out), errors of the system itself.
    const CLASSES: [&str; 5] = ["08", "28", "53", "57", "58"];
    // No such database (it is being restored), serialization failure, deadlock, lock not to be had, read-only:
    // a server that stopped being the primary, and a transaction that this process left alone for too long.
    const CODES: [&str; 6] = ["3D000", "40001", "40P01", "55P03", "25006", "25P03"];
    CODES.contains(&code) || CLASSES.iter().any(|class| code.starts_with(class))
}
