//! The stores on Postgres, for any number of processes.
//!
//! This crate knows no HTTP and no policy; it turns rows into the types of `outcrop-types` and back. It
//! connects when it must, gives up quickly and recovers by itself. Tables and file names are those of
//! `outcrop-sqlite`. Start reading at [`PostgresStore`] and `migrations/`.

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
mod options;
mod password;
mod passwords;
mod policies;
mod prompts;
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

pub use options::PostgresOptions;
pub use password::CurrentPassword;
pub use store::PostgresStore;
