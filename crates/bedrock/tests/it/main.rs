//! The adapter with the real AWS SDK: what it sends, how it reads answers, and the emulator as the far end.
#![expect(clippy::unwrap_used, reason = "tests")]

mod answers;
mod batches;
mod catalog;
mod connections;
mod credentials;
mod embed;
mod emulator;
mod failures;
mod fake;
mod golden;
mod guardrails;
mod images;
mod invoke;
mod places;
mod regions;
mod rerank;
mod trace_header;
