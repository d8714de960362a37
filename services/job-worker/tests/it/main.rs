//! Jobs over HTTP and through the worker, on SQLite and files.
#![expect(clippy::unwrap_used, reason = "tests")]

mod jobs;
mod owner;
mod tries;
mod world;
