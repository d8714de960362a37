//! The stores and the queue on SQLite: one file, nothing to install.
//!
//! For a platform in one process, and whoever administers it beside it. This crate knows no HTTP and no
//! policy; it turns rows into the types of `outcrop-types` and back. Tables and file names are those of
//! `outcrop-postgres`. Start reading at [`SqliteStore`] and `migrations/`.

mod alerts;
mod audit;
mod batches;
mod change;
mod error;
mod events;
mod files;
mod invitations;
mod jobs;
mod keys;
mod ledger;
mod leftovers;
mod members;
mod passwords;
mod policies;
mod prompts;
mod queue;
mod refresh_tokens;
mod responses;
mod routes;
mod rows;
mod service_accounts;
mod sessions;
mod signing_keys;
mod standing;
mod store;
mod teams;
mod users;
mod webhooks;

pub use queue::SqliteQueue;
pub use store::SqliteStore;
