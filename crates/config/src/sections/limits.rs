//! How much may be used, besides what policies say.

use serde::Deserialize;

/// What to do with a request when the limiter cannot be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnavailable {
    /// Let it through, count nothing.
    Open,
    /// Refuse it with 503.
    Closed,
    /// Count it in this process alone.
    #[default]
    Local,
}

/// How much may be used, besides what policies say. Absent means unlimited at that level.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Model calls of one key in a sliding window of 60 seconds, where the key itself sets none; of those who come without
    /// a key of ours (logins, tokens, static keys), of one person or program. What needs several calls (`n`, several
    /// prompts, embeddings of models that take one text at a time) counts as so many.
    pub requests_per_minute_per_key: Option<u32>,
    /// Model calls of one team in a sliding window of 60 seconds.
    pub requests_per_minute_per_team: Option<u32>,
    /// Output tokens that are reserved, and asked for, where tokens or money are limited and neither the request nor
    /// the catalogue bounds an answer.
    pub assumed_output_tokens: u32,
    /// What to do when the counters cannot be reached: `open` lets calls through, `closed` refuses them with 503,
    /// `local` gives each replica its share.
    pub on_unavailable: OnUnavailable,
    /// The same for limits of requests.
    pub on_unavailable_requests: Option<OnUnavailable>,
    /// The same for limits of tokens.
    pub on_unavailable_tokens: Option<OnUnavailable>,
    /// The same for limits of calls under way.
    pub on_unavailable_concurrency: Option<OnUnavailable>,
    /// The same for budgets. Not set, budgets are `closed`, whatever holds for the others.
    pub on_unavailable_money: Option<OnUnavailable>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            requests_per_minute_per_key: None,
            requests_per_minute_per_team: None,
            assumed_output_tokens: 4_096,
            on_unavailable: OnUnavailable::default(),
            on_unavailable_requests: None,
            on_unavailable_tokens: None,
            on_unavailable_concurrency: None,
            on_unavailable_money: None,
        }
    }
}
