//! Records at random, the same for the same seed, and what a plain look at each of them says about all.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use outcrop_types::{
    CacheState, Cost, GuardrailState, Money, Outcome, PriceTier, Subject, TokenUsage, UsageRecord,
};

use crate::contract::samples::{key_id, record, service_account_id, team_id, usage_id, user_id};
use crate::usage_sums::LOOK;
use crate::{Dimension, ReportCursor, ReportQuery, ReportRow, UsageFilter, UsageTotals};

/// Numbers that look as if by chance (splitmix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    pub(super) fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }
}

/// The first moment that there are records of; the last ones are five weeks later.
pub(super) fn start() -> DateTime<Utc> {
    "2026-01-28T00:00:00Z".parse().unwrap()
}

/// So many records from [`start`] on, over the turn of two months, with anything in them.
pub(super) fn records(seed: u64, count: u32) -> Vec<UsageRecord> {
    let mut chance = Chance(seed);
    (1..=count).map(|number| one(&mut chance, number)).collect()
}

fn one(chance: &mut Chance, number: u32) -> UsageRecord {
    let team = chance.below(3) as u32;
    let who = team * 10 + chance.below(2) as u32;
    let tags: &[&[(&str, &str)]] = &[
        &[],
        &[("project", "atlas")],
        &[("project", "Zürich \u{1f980}"), ("env", "")],
        &[("a \"quoted\" $.name", "x"), ("env", "test")],
    ];
    // Many at the very edges of hours and days.
    let hours = chance.below(35 * 24) as i64;
    let at = start()
        + TimeDelta::hours(hours)
        + TimeDelta::microseconds(match chance.below(4) {
            0 => 0,
            1 => 3_599_999_999,
            _ => chance.below(3_600_000_000) as i64,
        });
    let price = Cost {
        usd: Money::from_nano_usd(chance.below(5_000_000_000)),
        saved_nano_usd: chance.below(2_000_000) as i64 - 1_000_000,
        price: "row".to_owned(),
    };
    let cache = chance.of(&CacheState::ALL);
    UsageRecord {
        id: usage_id(number),
        at,
        subject: if who.is_multiple_of(2) {
            Subject::User(user_id(who))
        } else {
            Subject::ServiceAccount(service_account_id(who))
        },
        key: (chance.below(3) > 0).then(|| key_id(who)),
        dialect: chance.of(&["openai", "anthropic"]).to_owned(),
        operation: chance.of(&["chat", "embed", LOOK]).to_owned(),
        model_asked: chance.of(&["haiku", "Sonnet", "Überfluß"]).to_owned(),
        model_served: chance.of(&["anthropic.haiku", "anthropic.sonnet"]).to_owned(),
        region: chance.of(&["us-east-1", "eu-central-1"]).to_owned(),
        tier: chance.of(&PriceTier::ALL),
        tags: chance.of(tags).iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        cache,
        cache_age_ms: (cache == CacheState::Hit).then(|| chance.below(1_000_000)),
        cache_saved: (cache.spared_the_call() && chance.below(3) > 0)
            .then(|| Money::from_nano_usd(chance.below(5_000_000))),
        attempt: 1 + chance.below(3) as u8,
        again: chance.below(5) == 0,
        account: chance.of(&[None, Some("batch"), Some("other")]).map(|it| it.parse().unwrap()),
        guardrail: chance.of(&GuardrailState::ALL),
        tokens: tokens(chance),
        estimated: chance.below(5) == 0,
        latency_ms: chance.below(100_000),
        first_token_ms: (chance.below(2) == 0).then(|| chance.below(5_000)),
        outcome: chance.of(&[
            Outcome::Completed,
            Outcome::Completed,
            Outcome::Failed,
            Outcome::Cancelled,
            Outcome::Lost,
        ]),
        cost: (chance.below(4) > 0 && !cache.spared_the_call()).then_some(price),
        ..record(number, team_id(team))
    }
}

fn tokens(chance: &mut Chance) -> TokenUsage {
    TokenUsage {
        guardrail_units: chance.below(4),
        input: chance.below(10_000),
        cache_read: chance.below(1_000),
        cache_write_5m: chance.below(100),
        cache_write_1h: chance.below(10),
        output: chance.below(4_000),
        reasoning: chance.below(50),
        images: chance.below(3),
        queries: chance.below(2),
    }
}

/// One filter of each kind, some together, and one that nothing fits.
pub(super) fn filters(records: &[UsageRecord]) -> Vec<UsageFilter> {
    let any = UsageFilter::default;
    let tag =
        |name: &str, value: &str| UsageFilter { tag: Some((name.to_owned(), value.to_owned())), ..any() };
    let first = &records[0];
    vec![
        any(),
        UsageFilter { team: Some(team_id(1)), ..any() },
        UsageFilter { subject: Some(first.subject), ..any() },
        UsageFilter { key: Some(key_id(10)), ..any() },
        UsageFilter { models: vec!["anthropic.haiku".to_owned()], ..any() },
        UsageFilter {
            models: ["nobody", "anthropic.sonnet", "anthropic.haiku"].map(str::to_owned).into(),
            ..any()
        },
        UsageFilter { region: Some("eu-central-1".to_owned()), dialect: Some("openai".to_owned()), ..any() },
        UsageFilter { account: Some("other".parse().unwrap()), ..any() },
        UsageFilter { cache: Some(CacheState::Hit), ..any() },
        UsageFilter { guardrail: Some(GuardrailState::Intervened), team: Some(team_id(1)), ..any() },
        UsageFilter { team: Some(team_id(2)), ..tag("project", "Zürich \u{1f980}") },
        tag("env", ""),
        tag("a \"quoted\" $.name", "x"),
        tag("project", "nothing"),
    ]
}

pub(super) fn fits(record: &UsageRecord, filter: &UsageFilter) -> bool {
    filter.team.is_none_or(|team| record.team == team)
        && filter.subject.is_none_or(|subject| record.subject == subject)
        && filter.key.as_ref().is_none_or(|key| record.key.as_ref() == Some(key))
        && (filter.models.is_empty() || filter.models.contains(&record.model_served))
        && filter.region.as_ref().is_none_or(|region| record.region == *region)
        && filter.dialect.as_ref().is_none_or(|dialect| record.dialect == *dialect)
        && filter.account.as_ref().is_none_or(|account| record.account.as_ref() == Some(account))
        && filter.cache.is_none_or(|cache| record.cache == cache)
        && filter.guardrail.is_none_or(|guardrail| record.guardrail == guardrail)
        && filter.tag.as_ref().is_none_or(|(name, value)| record.tags.get(name) == Some(value))
}

/// A report the plain way.
pub(super) fn fold(records: &[UsageRecord], query: &ReportQuery) -> Vec<ReportRow> {
    let mut rows: BTreeMap<ReportCursor, UsageTotals> = BTreeMap::new();
    if query.group_by.is_empty() {
        rows.insert(Vec::new(), UsageTotals::default());
    }
    for record in records {
        if record.at < query.from || record.at >= query.until || !fits(record, &query.filter) {
            continue;
        }
        let group = query.group_by.iter().map(|dimension| value(record, dimension, query)).collect();
        note(rows.entry(group).or_default(), record);
    }
    rows.into_iter().map(|(group, totals)| ReportRow { group, totals }).collect()
}

fn value(record: &UsageRecord, dimension: &Dimension, query: &ReportQuery) -> Option<String> {
    let hour = record.at - TimeDelta::microseconds(record.at.timestamp_micros() % 3_600_000_000);
    let day = query.time_zone.day(hour).to_string();
    Some(match dimension {
        Dimension::Team => record.team.to_string(),
        Dimension::User => record.subject.to_string(),
        Dimension::Key => record.key.as_ref()?.as_str().to_owned(),
        Dimension::Model => record.model_served.clone(),
        Dimension::ModelAsked => record.model_asked.clone(),
        Dimension::Region => record.region.clone(),
        Dimension::Account => record.account.as_ref()?.as_str().to_owned(),
        Dimension::Cache => record.cache.name().to_owned(),
        Dimension::Guardrail => record.guardrail.name().to_owned(),
        Dimension::Dialect => record.dialect.clone(),
        Dimension::Operation => record.operation.clone(),
        Dimension::Tier => record.tier.name().to_owned(),
        Dimension::Tag(name) => record.tags.get(name)?.clone(),
        Dimension::Hour => hour.to_rfc3339_opts(SecondsFormat::Secs, true),
        Dimension::Day => day,
        Dimension::Month => day[..7].to_owned(),
    })
}

fn note(totals: &mut UsageTotals, record: &UsageRecord) {
    if record.operation != LOOK {
        note_call(totals, record);
    }
    totals.cache.age_ms += record.cache_age_ms.unwrap_or(0);
    totals.cache.saved += record.cache_saved.unwrap_or(Money::ZERO);
    match record.guardrail {
        GuardrailState::None => {}
        GuardrailState::Passed => totals.guardrails.passed += 1,
        GuardrailState::Observed => totals.guardrails.observed += 1,
        GuardrailState::Intervened => totals.guardrails.intervened += 1,
    }
    totals.estimated += u64::from(record.estimated);
    totals.tokens += record.tokens;
    if let Some(cost) = &record.cost {
        totals.cost += cost.usd;
        totals.saved_nano_usd += cost.saved_nano_usd;
    }
}

/// What only calls have; a look of a guardrail alone is none.
fn note_call(totals: &mut UsageTotals, record: &UsageRecord) {
    if record.again {
        totals.retries += 1;
    } else {
        totals.requests += 1;
        note_cache(totals, record.cache);
    }
    totals.errors += u64::from(matches!(record.outcome, Outcome::Failed | Outcome::Lost));
    totals.unpriced += u64::from(record.cost.is_none() && !record.cache.spared_the_call());
    totals.latency.note(record.latency_ms);
    if let Some(ms) = record.first_token_ms {
        totals.first_token.note(ms);
    }
}

fn note_cache(totals: &mut UsageTotals, cache: CacheState) {
    match cache {
        CacheState::Bypass => {}
        CacheState::Miss => totals.cache.misses += 1,
        CacheState::Hit => totals.cache.hits += 1,
        CacheState::Coalesced => totals.cache.coalesced += 1,
    }
}
