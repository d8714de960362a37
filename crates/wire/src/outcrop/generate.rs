//! `POST /generate`: one prompt, one answer.
//!
//! Request: `{"prompt", "system"?, "model"?, "max_tokens"?, "temperature"?, "top_p"?, "stop"?, "stream"?,
//! "prompt_caching"?, "prompt_cache_key"?, "async"?, "priority"?, "deadline"?}`.
//! `prompt` is a text that is not blank; `temperature` and `top_p` are from 0 to 1; `stop` is a string or an
//! array of strings; without `model` the default model answers. `prompt_caching` is `{"system"?, "messages"?, "ttl"?}`: what
//! the model's prompt cache is to keep, and whether for `5m` or `1h`; requests of one `prompt_cache_key` go to one region
//! rather than to several. With `"async": true` the answer is the job that makes it, with `priority` and `deadline` as
//! `POST /v1/jobs` has them.
//!
//! Answer: `{"id", "object": "generation", "created", "model", "text", "reasoning"?, "stop_reason", "usage"}`.
//! `stop_reason` is Bedrock's word (`end_turn`, `max_tokens`, …). `usage` is `{"input_tokens",
//! "output_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"}`:
//! `input_tokens` counts everything read, the two cache figures say which part of it a cache served or kept,
//! and reasoning is a part of `output_tokens`.
//!
//! Stream (`"stream": true`), as server-sent events:
//! ```text
//! event: start    data: {"id", "object": "generation", "created", "model"}
//! event: delta    data: {"text"} or {"reasoning"}; any number of them
//! event: done     data: {"stop_reason", "usage"}; `usage` is null if Bedrock did not tell
//! event: error    data: a problem object (RFC 9457), instead of `done`
//! ```
//! An answer is whole if and only if `done` came.

pub mod later;
mod request;
mod response;
mod stream;

pub use later::Later;
pub use request::{GenerateRequest, parse};
pub use response::{Generation, response};
pub use stream::GenerateStream;
