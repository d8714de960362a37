//! The Postgres stores against the ports' promises, on databases of their own, and without Postgres.
#![expect(clippy::unwrap_used, reason = "tests")]

mod at_once;
mod audit_log;
mod contracts;
mod database;
mod outage;
mod policies;
mod proxy;
mod schema;
mod text;
