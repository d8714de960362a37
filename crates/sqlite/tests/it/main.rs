//! The SQLite stores and queue against the ports' promises, on files in a temporary folder.
#![expect(clippy::unwrap_used, reason = "tests")]

mod audit_log;
mod contracts;
mod file;
mod policies;
mod queue;
mod support;
