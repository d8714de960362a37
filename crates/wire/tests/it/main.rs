//! The crate as its users see it: fixtures in, snapshots out.
//!
//! `fixtures/<dialect>/<operation>/<case>.json` are requests; what becomes of each stands in
//! `tests/snapshots`. To accept a change: run with `INSTA_UPDATE=always` and read the diff.

#![expect(clippy::unwrap_used, reason = "tests")]

mod anthropic_accumulator;
mod anthropic_claude;
mod anthropic_parity;
mod anthropic_refusals;
mod anthropic_requests;
mod anthropic_streams;
mod bedrock_answers;
mod bedrock_cuts;
mod bedrock_requests;
mod bounds;
mod error_shapes;
mod generate;
mod openai_batches;
mod openai_chat_accumulated;
mod openai_chat_parity;
mod openai_chat_refusals;
mod openai_chat_requests;
mod openai_chat_responses;
mod openai_chat_streams;
mod openai_completions;
mod openai_embeddings;
mod openai_files;
mod openai_images;
mod openai_rerank;
mod openai_responses_answers;
mod openai_responses_requests;
mod parity;
mod prompt_cache;
mod show;
mod unknown_fields;
