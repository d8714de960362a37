//! The JSON of each dialect, and its conversion to and from the neutral conversation of `chat`.
//!
//! Pure functions: bytes in, bytes out. No I/O, no clock, no HTTP type, no AWS SDK. A request goes
//! `openai::chat::parse` -> `into_chat` -> [`outcrop_chat::Request`]; an answer comes back through
//! `openai::chat::response` or, event by event, through [`openai::stream::ChatStream`].
//! Start at [`openai::chat`] or [`anthropic`]; [`outcrop::generate`] is the same for our own dialect, [`bedrock`] for Amazon
//! Bedrock's, and [`error`] says how every failure reads in every dialect.

pub mod alert;
pub mod anthropic;
pub mod base64;
pub mod bedrock;
pub mod cache_control;
mod data_url;
mod dialect;
pub mod error;
mod escape;
pub mod json;
mod list;
pub mod mcp;
mod media_count;
pub mod model_card;
pub mod openai;
pub mod outcrop;
mod prompt_caching;
mod request_metadata;
pub mod skim;
pub mod sse;
mod tool_names;
mod top_level;
pub mod vendor;

pub use dialect::Dialect;
pub use tool_names::ToolNames;
