//! The stores on Postgres, for any number of processes.
//!
//! This crate knows no HTTP and no policy; it turns rows into the types of `outcrop-types` and back. It
//! connects when it must, gives up quickly and recovers by itself. Tables and file names are those of
//! `outcrop-sqlite`. Start reading at [`PostgresStore`] and `migrations/`.

mod error;
mod jobs;
mod keys;
mod ledger;
mod options;
mod rows;
mod store;
mod users;

pub use options::PostgresOptions;
pub use store::PostgresStore;
