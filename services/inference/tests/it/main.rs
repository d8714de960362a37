//! The service over HTTP: emulated Bedrock behind it, a real client in front of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admission;
mod admission_policies;
mod budgets;
mod chat;
mod chat_choices;
mod chat_fields;
mod clamp;
mod completions;
mod converse;
mod embeddings;
mod failures;
mod generate;
mod guarded;
mod harness;
mod images;
mod invoke;
mod key_order;
mod local;
mod media;
mod messages;
mod messages_corpus;
mod metering;
mod models;
mod reports;
mod rerank;
mod response_store;
mod responses;
mod scope;
mod sdk;
mod stores;
mod structured;
mod tags;
mod test_limiter;
