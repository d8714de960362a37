//! The auth service over HTTP, on SQLite.
#![expect(clippy::unwrap_used, reason = "tests")]

mod introspect;
mod keys;
mod world;
