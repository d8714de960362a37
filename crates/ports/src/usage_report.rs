//! Questions about usage as a whole, and their answers.

use chrono::{DateTime, Utc};
use outcrop_types::{
    AccountName, CacheState, GuardrailState, KeyId, Latencies, Money, Subject, TeamId, TimeZone, TokenUsage,
};

/// What rows of a report are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The team that pays.
    Team,
    /// Who called.
    User,
    /// The key used.
    Key,
    /// The model that answered.
    Model,
    /// The model as it was asked for.
    ModelAsked,
    /// The region called.
    Region,
    /// The account called, by its name; `None` is our own.
    Account,
    /// What the cache of answers had to do with it.
    Cache,
    /// What guardrails had to do with it.
    Guardrail,
    /// The dialect spoken.
    Dialect,
    /// What was done.
    Operation,
    /// The tier that served it.
    Tier,
    /// The value of a tag.
    Tag(String),
    /// The hour, as its first moment: `2026-11-21T20:00:00Z`.
    Hour,
    /// The day: `2026-11-21`. An hour (UTC) belongs to the day it begins in.
    Day,
    /// The month: `2026-11`.
    Month,
}

/// Only usage that is so; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Of this team.
    pub team: Option<TeamId>,
    /// By this person or program.
    pub subject: Option<Subject>,
    /// With this key.
    pub key: Option<KeyId>,
    /// Answered by one of these models, by their Bedrock ids; by any if there are none here.
    pub models: Vec<String>,
    /// In this region.
    pub region: Option<String>,
    /// In this account, by its name.
    pub account: Option<AccountName>,
    /// Of which the cache of answers can say so.
    pub cache: Option<CacheState>,
    /// Of which guardrails can say so.
    pub guardrail: Option<GuardrailState>,
    /// In this dialect.
    pub dialect: Option<String>,
    /// With this tag of this value.
    pub tag: Option<(String, String)>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportQuery {
    /// From this moment: a whole hour.
    pub from: DateTime<Utc>,
    /// Until before this one: a whole hour.
    pub until: DateTime<Utc>,
    /// In this order; empty gives one row for all, also where there is nothing.
    pub group_by: Vec<Dimension>,
    /// Of which usage.
    pub filter: UsageFilter,
    /// Where days and months begin.
    pub time_zone: TimeZone,
    /// The group of the last row of the page before.
    pub after: Option<ReportCursor>,
    /// Most rows.
    pub limit: usize,
}

/// The group of a row, in the order of the question; `None` where a call had no such thing.
pub type ReportCursor = Vec<Option<String>>;

/// What was used by the calls of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageTotals {
    /// Calls, each counted once however often it was attempted. What the cache of answers spared is one, too; a look of
    /// a guardrail alone is none.
    pub requests: u64,
    /// Further attempts of the same calls, after such as may have cost something: each has a record of its own, and its
    /// tokens and cost count. All else but the numbers of requests and of what the cache did is of both together.
    pub retries: u64,
    /// Those that failed, or were lost with the process that made them.
    pub errors: u64,
    /// Those whose tokens are an estimate.
    pub estimated: u64,
    /// Calls without a price. No price list has one for units of guardrails: those are in no cost.
    pub unpriced: u64,
    /// Tokens by bucket.
    pub tokens: TokenUsage,
    /// What it cost, as far as it has a price.
    pub cost: Money,
    /// What prompt caches saved, billionths of a US dollar.
    pub saved_nano_usd: i64,
    /// What the cache of answers did.
    pub cache: CacheTotals,
    /// What guardrails did.
    pub guardrails: GuardrailTotals,
    /// From arrival to the last byte, of calls.
    pub latency: Latencies,
    /// From arrival to the first content, where streamed.
    pub first_token: Latencies,
}

/// What the cache of answers did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheTotals {
    /// Requests it answered.
    pub hits: u64,
    /// Requests answered together with an identical one under way.
    pub coalesced: u64,
    /// Requests it had no answer for.
    pub misses: u64,
    /// What those requests would have cost that it answered, alone or with another, as far as that is known.
    pub saved: Money,
    /// How old the answers of all hits were, together, milliseconds.
    pub age_ms: u64,
}

impl CacheTotals {
    /// Requests that asked it.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.hits.saturating_add(self.coalesced).saturating_add(self.misses)
    }

    /// How many of ten thousand that asked it were spared a call of their own, rounded down; `None` where none asked.
    #[must_use]
    pub fn hit_per_myriad(&self) -> Option<u16> {
        let spared = u128::from(self.hits.saturating_add(self.coalesced));
        u16::try_from((spared * 10_000).checked_div(self.asked().into())?).ok()
    }

    /// How old the answer of a hit was on average, milliseconds.
    #[must_use]
    pub const fn mean_age_ms(&self) -> Option<u64> {
        self.age_ms.checked_div(self.hits)
    }
}

/// What guardrails did: calls, further attempts and looks that have a record of their own among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuardrailTotals {
    /// In which they found nothing.
    pub passed: u64,
    /// In which they found something, and only told of it.
    pub observed: u64,
    /// In which they stepped in.
    pub intervened: u64,
}

/// One row. Rows are in the order of their groups, `None` first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportRow {
    /// Its group.
    pub group: ReportCursor,
    /// What was used.
    pub totals: UsageTotals,
}
