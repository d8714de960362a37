//! Servers over real HTTP, on free ports.
#![expect(clippy::unwrap_used, reason = "tests")]

mod browsers;
mod drain;
mod errors;
mod files;
mod health;
mod identity;
mod lines;
mod metrics;
mod requests;
mod telling;
mod world;
