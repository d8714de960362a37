//! Requests and streams of the dialects.
//!
//! `crates/wire/tests/corpus.rs` includes this file and replays its part of `fuzz/corpus` on the stable toolchain.

mod mcp;
mod requests;
mod shape;
mod streams;

pub use mcp::mcp_messages;
pub use requests::{chat, completions, converse, embeddings, messages, responses};
pub use streams::streams;

/// What a target does with its input; whether the input was taken for what it should be.
pub type Body = fn(&[u8]) -> bool;

/// Every target, by the name of its file in `fuzz_targets` and of its folder in `corpus`.
pub const TARGETS: [(&str, Body); 8] = [
    ("wire_chat", chat),
    ("wire_completions", completions),
    ("wire_converse", converse),
    ("wire_embeddings", embeddings),
    ("wire_mcp", mcp_messages),
    ("wire_messages", messages),
    ("wire_responses", responses),
    ("wire_streams", streams),
];
