//! The crate as its users see it: fixtures in, snapshots out.
//!
//! `fixtures/<dialect>/<operation>/<case>.json` are requests; what becomes of each stands in
//! `tests/snapshots`. To accept a change: run with `INSTA_UPDATE=always` and read the diff.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bedrock_answers;
mod bedrock_requests;
mod error_shapes;
mod generate;
mod openai_chat_refusals;
mod openai_chat_requests;
mod openai_chat_responses;
mod openai_chat_streams;
mod show;
