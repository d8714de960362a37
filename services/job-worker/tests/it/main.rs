//! Jobs over HTTP and through the worker, and the ledger's upkeep, on SQLite and files.
#![expect(clippy::unwrap_used, reason = "tests")]

#[macro_use]
mod doubles;

mod alerts;
mod batches;
mod batches_deaths;
mod batches_files;
mod batches_world;
mod by_reference;
mod desk;
mod engine;
mod events;
mod files;
mod files_world;
mod jobs;
mod keeper;
mod listing;
mod metrics;
mod owner;
mod rest;
mod results;
mod traces;
mod tries;
mod upkeep;
mod ways;
mod webhooks;
mod world;
