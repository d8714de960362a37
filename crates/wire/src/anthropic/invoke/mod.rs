//! Messages to Claude by InvokeModel: the client's own body, and the model's own answer.
//!
//! Nothing that Claude understands is read here, so that nothing is lost and what is new tomorrow works: a body is only
//! taken apart at its top level, and what is large stays text. [`body`] says what is changed on the way in,
//! [`answer`] and [`ClaudeStream`] on the way out. (Protocol facts c.5.)

mod answer;
mod betas;
mod blocks;
mod body;
mod cache;
mod chunk;
mod limit;
mod links;
mod marks;
mod object;
mod place;
mod stream;
mod text;
mod weigh;

pub use answer::{WholeAnswer, answer};
pub use blocks::has_own_kinds;
pub use body::{ClaudeBody, Traits, body};
pub use chunk::{Chunk, ChunkKind, read};
pub use limit::{Bounded, bounded, max_tokens};
pub use links::{Inlined, MediaLink, find, inline};
pub use place::{Placing, asks_for_marks, beginning, is_marked, place};
pub use stream::ClaudeStream;
pub use text::{TextScale, Weight};
pub use weigh::{Parts, weigh, weigh_parts};
