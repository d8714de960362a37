//! What a model call used: the immutable record that money is later derived from.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AccountName, Cost, KeyId, Money, PriceTier, RequestId, Subject, TeamId, UsageId};

/// What one call used, in disjoint buckets: tokens as Bedrock reports them, and what it sells by the piece.
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
    /// Pictures made.
    #[serde(skip_serializing_if = "is_zero")]
    pub images: u64,
    /// Queries of a reranker: one for each started hundred of documents.
    #[serde(skip_serializing_if = "is_zero")]
    pub queries: u64,
    /// Text units that guardrails looked at, of up to 1000 characters each and counted once for each kind of policy
    /// (Amazon Bedrock API reference, `GuardrailUsage`).
    #[serde(skip_serializing_if = "is_zero")]
    pub guardrail_units: u64,
}

impl TokenUsage {
    /// Everything the model read, cached or not.
    #[must_use]
    pub const fn total_input(&self) -> u64 {
        self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }

    /// Every token read and written.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total_input() + self.output
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for TokenUsage {
    /// The usage of several calls is that of each, bucket by bucket.
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
        self.images = self.images.saturating_add(other.images);
        self.queries = self.queries.saturating_add(other.queries);
        self.guardrail_units = self.guardrail_units.saturating_add(other.guardrail_units);
    }
}

/// Most calls are of tokens alone; what they did not use is not worth a place in each record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
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
    /// The process died while the call was under way: nobody heard how it ended.
    Lost,
}

impl Outcome {
    /// The name used in the database and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Completed, Self::Failed, Self::Cancelled, Self::Lost].into_iter().find(|it| it.name() == name)
    }
}

/// What Outcrop's own cache of answers had to do with a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// It was not asked.
    #[default]
    Bypass,
    /// It had no answer, and may have one now.
    Miss,
    /// It gave the answer: no model was called.
    Hit,
    /// An identical call was under way, and its answer was given to both.
    Coalesced,
}

impl CacheState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Bypass, Self::Miss, Self::Hit, Self::Coalesced];

    /// The name used in the database, in headers and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::Coalesced => "coalesced",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether the answer was there without a call of its own: there is nothing to pay for.
    #[must_use]
    pub const fn spared_the_call(self) -> bool {
        matches!(self, Self::Hit | Self::Coalesced)
    }
}

/// What guardrails had to do with a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailState {
    /// None looked on.
    #[default]
    None,
    /// They found nothing.
    Passed,
    /// One found something, and only told of it.
    Observed,
    /// One stepped in.
    Intervened,
}

impl GuardrailState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::None, Self::Passed, Self::Observed, Self::Intervened];

    /// The name used in the database, in headers and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Passed => "passed",
            Self::Observed => "observed",
            Self::Intervened => "intervened",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether none looked on.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

const fn first() -> u8 {
    1
}

/// One model call that cost something, or that Outcrop's cache of answers saved. Written once, never changed; unique by `id`.
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
    /// The tier that served it; `batch` is batch inference, all others are on demand.
    #[serde(default)]
    pub tier: PriceTier,
    /// What the request says of itself, as far as settings allow the names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// What Outcrop's cache of answers had to do with it.
    #[serde(default)]
    pub cache: CacheState,
    /// For a hit, how old the answer was, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_age_ms: Option<u64>,
    /// What the call would have cost, had Outcrop's cache of answers not given one; `None` where nobody knows, or where a
    /// model was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_saved: Option<Money>,
    /// Which attempt of its request's this is, from 1.
    #[serde(default = "first")]
    pub attempt: u8,
    /// Whether an earlier attempt of the same call has a record of its own, since it may have cost something: this is one
    /// more call then, and no other request.
    #[serde(default)]
    pub again: bool,
    /// The account that was called, as settings name it; `None` is our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// What guardrails had to do with it.
    #[serde(default, skip_serializing_if = "GuardrailState::is_none")]
    pub guardrail: GuardrailState,
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
    /// What it costs by the price list of its day; `None` where that states no price. The tokens are the truth: this can
    /// be worked out anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sold_by_the_piece_shows_only_where_it_was_used() {
        let text = serde_json::to_string(&TokenUsage { input: 3, ..TokenUsage::default() }).unwrap();
        assert!(!text.contains("images") && !text.contains("queries"), "{text}");
        assert_eq!(serde_json::from_str::<TokenUsage>(&text).unwrap().input, 3);
        let made = TokenUsage { images: 2, queries: 1, ..TokenUsage::default() };
        let text = serde_json::to_string(&made).unwrap();
        assert_eq!(serde_json::from_str::<TokenUsage>(&text).unwrap(), made, "{text}");
    }

    #[test]
    fn buckets_are_added_one_by_one() {
        let one = TokenUsage {
            guardrail_units: 0,
            input: 1,
            cache_read: 2,
            cache_write_5m: 3,
            cache_write_1h: 4,
            output: 5,
            reasoning: 6,
            images: 7,
            queries: 8,
        };
        let mut two = one;
        two += one;
        let expected = TokenUsage {
            guardrail_units: 0,
            input: 2,
            cache_read: 4,
            cache_write_5m: 6,
            cache_write_1h: 8,
            output: 10,
            reasoning: 12,
            images: 14,
            queries: 16,
        };
        assert_eq!(two, expected);
        assert!(!two.is_nothing() && TokenUsage::default().is_nothing());
    }
}
