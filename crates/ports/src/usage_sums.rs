//! From records to sums: what every ledger keeps by hour and by day, worked out in one place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_types::{
    AccountName, CacheState, Cost, GuardrailState, Latencies, Money, Outcome, TokenUsage, UsageRecord,
};
use sha2::{Digest as _, Sha256};

use crate::{CacheTotals, GuardrailTotals, UsageTotals};

/// Most of anything that one record may count. No call comes near it, and so many of them fit into a sum that none
/// ever overflows.
const MOST: u64 = 1_000_000_000_000;
/// Most that one record may cost: a million dollars.
const MOST_NANO_USD: u64 = 1_000_000_000_000_000;

/// The operation of a record that is of a guardrail alone: a look at what a call says, and no call of its own.
pub const LOOK: &str = "guardrail";

/// The columns of [`Sums::counts`], in order.
pub const SUMS: [&str; 24] = [
    "requests",
    "retries",
    "errors",
    "estimated",
    "unpriced",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "images",
    "queries",
    "guardrail_units",
    "cost_nano_usd",
    "saved_nano_usd",
    "cache_hits",
    "cache_coalesced",
    "cache_misses",
    "cache_saved_nano_usd",
    "cache_age_ms",
    "guardrail_passed",
    "guardrail_observed",
    "guardrail_intervened",
];

/// The places in [`SUMS`] of what another cost of a record changes: `unpriced`, `cost_nano_usd`, `saved_nano_usd`.
const PRICED: [usize; 3] = [4, 14, 15];

/// What is added to a sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Numbers, in the order of [`SUMS`].
    pub counts: [i64; SUMS.len()],
    /// From arrival to the last byte.
    pub latency: Latencies,
    /// From arrival to the first content.
    pub first_token: Latencies,
}

/// The name of a group: of all records that have the same team, subject, key, models, region, account, dialect,
/// operation, tier, tags, state of the cache and of guardrails. A digest, because clients choose some of those texts and an index takes none of any length.
pub type GroupId = [u8; 16];

/// What a batch adds to the sums. Everything is in order, so that batches at once wait for each other and not in a
/// circle.
#[derive(Debug, Default)]
pub struct Rollup<'a> {
    /// The groups, each with one of its records.
    pub groups: BTreeMap<GroupId, &'a UsageRecord>,
    /// Sums by the first moment of the hour (UTC).
    pub hours: BTreeMap<(DateTime<Utc>, GroupId), Sums>,
    /// Sums by the first moment of the day (UTC).
    pub days: BTreeMap<(DateTime<Utc>, GroupId), Sums>,
}

impl<'a> Rollup<'a> {
    /// What records add.
    pub fn of(records: impl IntoIterator<Item = &'a UsageRecord>) -> Self {
        Self::of_changes(records.into_iter().map(|record| (record, Sums::of(record))))
    }

    /// What changes of records add.
    pub fn of_changes(changes: impl IntoIterator<Item = (&'a UsageRecord, Sums)>) -> Self {
        let mut rollup = Self::default();
        for (record, sums) in changes {
            let group = group_id(record);
            rollup.groups.entry(group).or_insert(record);
            rollup.days.entry((day(record.at), group)).or_default().add(&sums);
            rollup.hours.entry((hour(record.at), group)).or_default().add(&sums);
        }
        rollup
    }
}

impl Sums {
    /// What one record, as it is [`kept`], adds. A look of a guardrail alone is nothing that a client asked for: what it
    /// used and found counts, and it is no request, no error, no call without a price and has no part in latencies.
    #[must_use]
    pub fn of(record: &UsageRecord) -> Self {
        let is_call = record.operation != LOOK;
        let failed = matches!(record.outcome, Outcome::Failed | Outcome::Lost);
        let tokens = &record.tokens;
        let [unpriced, cost, saved] = priced(record, record.cost.as_ref());
        let [hits, coalesced, misses] = [CacheState::Hit, CacheState::Coalesced, CacheState::Miss]
            .map(|it| is_call && record.cache == it && !record.again);
        let [passed, observed, intervened] =
            [GuardrailState::Passed, GuardrailState::Observed, GuardrailState::Intervened]
                .map(|it| record.guardrail == it);
        let mut sums = Self {
            counts: [
                (is_call && !record.again).into(),
                (is_call && record.again).into(),
                (is_call && failed).into(),
                record.estimated.into(),
                unpriced,
                signed(tokens.input),
                signed(tokens.cache_read),
                signed(tokens.cache_write_5m),
                signed(tokens.cache_write_1h),
                signed(tokens.output),
                signed(tokens.reasoning),
                signed(tokens.images),
                signed(tokens.queries),
                signed(tokens.guardrail_units),
                cost,
                saved,
                hits.into(),
                coalesced.into(),
                misses.into(),
                record.cache_saved.map_or(0, |saved| signed(saved.nano_usd())),
                record.cache_age_ms.map_or(0, signed),
                passed.into(),
                observed.into(),
                intervened.into(),
            ],
            ..Self::default()
        };
        if is_call {
            sums.latency.note(record.latency_ms);
            record.first_token_ms.into_iter().for_each(|ms| sums.first_token.note(ms));
        }
        sums
    }

    /// What another cost of a record adds, which has the one of before.
    #[must_use]
    pub fn of_cost(record: &UsageRecord, after: Option<&Cost>) -> Self {
        let (before, after) = (priced(record, record.cost.as_ref()), priced(record, after));
        let mut sums = Self::default();
        for (index, place) in PRICED.into_iter().enumerate() {
            sums.counts[place] = after[index] - before[index];
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
        self.latency.merge(&other.latency);
        self.first_token.merge(&other.first_token);
    }
}

impl From<Sums> for UsageTotals {
    fn from(sums: Sums) -> Self {
        let [
            requests,
            retries,
            errors,
            estimated,
            unpriced,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            images,
            queries,
            guardrail_units,
            cost,
            saved_nano_usd,
            hits,
            coalesced,
            misses,
            cache_saved,
            age_ms,
            passed,
            observed,
            intervened,
        ] = sums.counts;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            requests: count(requests),
            retries: count(retries),
            errors: count(errors),
            estimated: count(estimated),
            unpriced: count(unpriced),
            tokens: TokenUsage {
                guardrail_units: count(guardrail_units),
                input: count(input),
                cache_read: count(cache_read),
                cache_write_5m: count(cache_write_5m),
                cache_write_1h: count(cache_write_1h),
                output: count(output),
                reasoning: count(reasoning),
                images: count(images),
                queries: count(queries),
            },
            cost: Money::from_nano_usd(count(cost)),
            saved_nano_usd,
            cache: CacheTotals {
                hits: count(hits),
                coalesced: count(coalesced),
                misses: count(misses),
                saved: Money::from_nano_usd(count(cache_saved)),
                age_ms: count(age_ms),
            },
            guardrails: GuardrailTotals {
                passed: count(passed),
                observed: count(observed),
                intervened: count(intervened),
            },
            latency: sums.latency,
            first_token: sums.first_token,
        }
    }
}

/// A record as ledgers keep it: an impossible count is cut down, and the character NUL, which not every database has a
/// place for, is put in other words. A record that cannot be written would hold up all behind it, for ever.
#[must_use]
pub fn kept(record: &UsageRecord) -> Cow<'_, UsageRecord> {
    if is_clean(record) { Cow::Borrowed(record) } else { Cow::Owned(cleaned(record)) }
}

/// A cost as ledgers keep it.
#[must_use]
pub fn kept_cost(cost: &Cost) -> Cost {
    let most = i64::try_from(MOST_NANO_USD).unwrap_or(i64::MAX);
    Cost {
        usd: cost.usd.min(Money::from_nano_usd(MOST_NANO_USD)),
        saved_nano_usd: cost.saved_nano_usd.clamp(-most, most),
        price: without_nul(&cost.price),
    }
}

/// The hour around a moment: its first.
#[must_use]
pub fn hour(at: DateTime<Utc>) -> DateTime<Utc> {
    begin(at, 3_600)
}

/// The day (UTC) around a moment: its first.
#[must_use]
pub fn day(at: DateTime<Utc>) -> DateTime<Utc> {
    begin(at, 86_400)
}

fn begin(at: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp().div_euclid(seconds) * seconds, 0).unwrap_or(at)
}

fn group_id(record: &UsageRecord) -> GroupId {
    let (team, subject) = (record.team.to_string(), record.subject.to_string());
    let tags = record.tags.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let texts = [
        team.as_str(),
        subject.as_str(),
        record.key.as_ref().map_or("", |key| key.as_str()),
        record.model_asked.as_str(),
        record.model_served.as_str(),
        record.region.as_str(),
        record.dialect.as_str(),
        record.operation.as_str(),
        record.tier.name(),
        record.account.as_ref().map_or("", AccountName::as_str),
        record.cache.name(),
        record.guardrail.name(),
    ];
    let mut digest = Sha256::new();
    for text in texts.into_iter().chain(tags) {
        // With its length before it, no text can pass for a part of the next.
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    }
    let digest = digest.finalize();
    let mut id = GroupId::default();
    id.copy_from_slice(&digest[..16]);
    id
}

/// Unpriced calls, billionths of a dollar, billionths saved. What no model was called for has no price, and needs none.
fn priced(record: &UsageRecord, cost: Option<&Cost>) -> [i64; 3] {
    let needs_price = record.operation != LOOK && !record.cache.spared_the_call();
    let unpriced = [needs_price.into(), 0, 0];
    cost.map_or(unpriced, |cost| [0, signed(cost.usd.nano_usd()), cost.saved_nano_usd])
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn counts(tokens: &mut TokenUsage) -> [&mut u64; 9] {
    [
        &mut tokens.input,
        &mut tokens.cache_read,
        &mut tokens.cache_write_5m,
        &mut tokens.cache_write_1h,
        &mut tokens.output,
        &mut tokens.reasoning,
        &mut tokens.images,
        &mut tokens.queries,
        &mut tokens.guardrail_units,
    ]
}

fn is_clean(record: &UsageRecord) -> bool {
    let UsageRecord { dialect, operation, model_asked, model_served, region, tags, .. } = record;
    let texts = [dialect, operation, model_asked, model_served, region];
    let rest = tags.iter().flat_map(|(name, value)| [name, value]);
    let rest = rest.chain(&record.stop_reason).chain(&record.error);
    let mut tokens = record.tokens;
    texts.into_iter().chain(rest).all(|text| !text.contains('\0'))
        && counts(&mut tokens).into_iter().all(|count| *count <= MOST)
        && record.latency_ms <= MOST
        && record.first_token_ms.is_none_or(|ms| ms <= MOST)
        && record.cache_age_ms.is_none_or(|ms| ms <= MOST)
        && record.cache_saved.is_none_or(|saved| saved.nano_usd() <= MOST_NANO_USD)
        && record.cost.as_ref().is_none_or(|cost| kept_cost(cost) == *cost)
}

fn cleaned(record: &UsageRecord) -> UsageRecord {
    let mut clean = record.clone();
    let UsageRecord { dialect, operation, model_asked, model_served, region, stop_reason, error, .. } =
        &mut clean;
    let texts = [dialect, operation, model_asked, model_served, region];
    for text in texts.into_iter().chain(stop_reason).chain(error) {
        *text = without_nul(text);
    }
    clean.tags = record.tags.iter().map(|(name, value)| (without_nul(name), without_nul(value))).collect();
    for count in counts(&mut clean.tokens) {
        *count = (*count).min(MOST);
    }
    clean.latency_ms = record.latency_ms.min(MOST);
    clean.first_token_ms = record.first_token_ms.map(|ms| ms.min(MOST));
    clean.cache_age_ms = record.cache_age_ms.map(|ms| ms.min(MOST));
    clean.cache_saved = record.cache_saved.map(|saved| saved.min(Money::from_nano_usd(MOST_NANO_USD)));
    clean.cost = record.cost.as_ref().map(kept_cost);
    clean
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
