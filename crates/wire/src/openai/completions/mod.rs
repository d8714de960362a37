//! `POST /v1/completions`: the legacy form, a text to go on from and no conversation.
//!
//! Each prompt is asked as a user's turn. Several prompts, and several answers to each (`n`), are as many calls and as
//! many choices of one answer. Every field has its fate in [`parity::FIELDS`].

pub mod parity;
mod request;
mod response;
mod stream;

pub use request::{CompletionRequest, DEFAULT_MAX_TOKENS, Translated, parse};
pub use response::{Answer, Choice, response};
pub use stream::CompletionStream;

use outcrop_chat::StopReason;

/// The reason in words that this form has: tools are never called.
fn reason(stop: StopReason) -> &'static str {
    super::finish_reason(stop, false)
}
