//! The stores and the queue on SQLite: one file, nothing to install.
//!
//! For a platform in one process, and whoever administers it beside it. This crate knows no HTTP and no
//! policy; it turns rows into the types of `outcrop-types` and back. Tables and file names are those of
//! `outcrop-postgres`. Start reading at [`SqliteStore`] and `migrations/`.

mod error;
mod jobs;
mod keys;
mod ledger;
mod queue;
mod rows;
mod store;
mod users;

pub use queue::{DeadLetter, SqliteQueue};
pub use store::SqliteStore;
