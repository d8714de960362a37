//! Questions about usage as a whole, and their answers.

use chrono::{DateTime, Utc};
use outcrop_types::{KeyId, Latencies, Money, Subject, TeamId, TimeZone, TokenUsage};

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
    /// Calls.
    pub requests: u64,
    /// Those that failed, or were lost with the process that made them.
    pub errors: u64,
    /// Those whose tokens are an estimate.
    pub estimated: u64,
    /// Those without a price.
    pub unpriced: u64,
    /// Tokens by bucket.
    pub tokens: TokenUsage,
    /// What it cost, as far as it has a price.
    pub cost: Money,
    /// What prompt caches saved, billionths of a US dollar.
    pub saved_nano_usd: i64,
    /// From arrival to the last byte.
    pub latency: Latencies,
    /// From arrival to the first content, where streamed.
    pub first_token: Latencies,
}

/// One row. Rows are in the order of their groups, `None` first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportRow {
    /// Its group.
    pub group: ReportCursor,
    /// What was used.
    pub totals: UsageTotals,
}
