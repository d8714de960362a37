//! The service over HTTP: emulated Bedrock behind it, a real client in front of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admission;
mod chat;
mod converse;
mod failures;
mod generate;
mod harness;
mod local;
mod metering;
mod models;
mod scope;
