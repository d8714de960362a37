//! What a model call used: the immutable record that money is later derived from.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{KeyId, RequestId, Subject, TeamId, UsageId};

/// Tokens of one call in disjoint buckets, as Bedrock reports them.
///
/// Bedrock's `inputTokens` excludes what was read from or written to a prompt cache; the sum of the four
/// input buckets is what the model read. `reasoning` is a part of `output`, not an addition to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// Input tokens neither read from nor written to a cache.
    pub input: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to the cache for five minutes.
    pub cache_write_5m: u64,
    /// Input tokens written to the cache for one hour.
    pub cache_write_1h: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the model tells.
    pub reasoning: u64,
}

impl TokenUsage {
    /// Everything the model read, cached or not.
    #[must_use]
    pub const fn total_input(&self) -> u64 {
        self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }

    /// Everything read and written.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total_input() + self.output
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered to the end.
    Completed,
    /// Failed on the way; `error` of the record says how.
    Failed,
    /// The client went away before the end.
    Cancelled,
}

impl Outcome {
    /// The name used in the database and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Completed, Self::Failed, Self::Cancelled].into_iter().find(|it| it.name() == name)
    }
}

/// One model call that cost something. Written once, never changed; unique by `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Unique id; a record that arrives twice is kept once.
    pub id: UsageId,
    /// The request it was made for.
    pub request_id: RequestId,
    /// When the call began.
    pub at: DateTime<Utc>,
    /// The team that pays.
    pub team: TeamId,
    /// Who called.
    pub subject: Subject,
    /// The key used, if one was.
    pub key: Option<KeyId>,
    /// The dialect the client spoke: `openai`, `outcrop`, …
    pub dialect: String,
    /// What was done: `chat`, …
    pub operation: String,
    /// The model as the client named it.
    pub model_asked: String,
    /// The Bedrock model or profile id that answered.
    pub model_served: String,
    /// The AWS region that was called.
    pub region: String,
    /// Tokens by bucket.
    pub tokens: TokenUsage,
    /// Whether `tokens` is our estimate, because the call ended before Bedrock reported.
    pub estimated: bool,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// From the request's arrival to its last byte, milliseconds.
    pub latency_ms: u64,
    /// From the request's arrival to the first content, milliseconds; only when streamed.
    pub first_token_ms: Option<u64>,
    /// Why the model stopped, in Bedrock's words.
    pub stop_reason: Option<String>,
    /// How the call ended.
    pub outcome: Outcome,
    /// The error's name when it failed (see `ErrorCode::name`).
    pub error: Option<String>,
}
