//! Jobs over HTTP and through the worker, and the ledger's upkeep, on SQLite and files.
#![expect(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod jobs;
mod keeper;
mod owner;
mod tries;
mod upkeep;
mod world;
