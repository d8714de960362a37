//! Answers as JSON.

use chrono::{DateTime, SecondsFormat, Utc};
use outcrop_ports::{Dimension, ReportQuery, ReportRow, UsageTotals};
use outcrop_types::{Latencies, Money, Page, TokenUsage};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{cursor, dimension_name};

/// What was used, as it is shown.
#[derive(Debug, Serialize)]
pub struct Summary {
    requests: u64,
    retries: u64,
    errors: u64,
    estimated: u64,
    unpriced: u64,
    tokens: Tokens,
    cost_usd: Money,
    cache_saved_usd: String,
    cache: AnswerCache,
    guardrails: Guardrails,
    latency_ms: Percentiles,
    first_token_ms: Percentiles,
}

/// Every bucket, those of rare use too: whoever sums up finds the same names in each row.
#[derive(Debug, Serialize)]
struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
    images: u64,
    queries: u64,
    guardrail_units: u64,
}

/// What the cache of answers did for requests.
#[derive(Debug, Serialize)]
struct AnswerCache {
    hits: u64,
    misses: u64,
    coalesced: u64,
    bypassed: u64,
    hit_ratio: Option<f64>,
    saved_usd: Money,
    mean_age_ms: Option<u64>,
}

/// What guardrails did in calls, and in looks of their own, which are no requests; of all, the units that Bedrock counted.
#[derive(Debug, Serialize)]
struct Guardrails {
    units: u64,
    passed: u64,
    observed: u64,
    intervened: u64,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: Option<u64>,
    p95: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<Option<u64>>,
}

impl From<&UsageTotals> for Summary {
    fn from(totals: &UsageTotals) -> Self {
        Self {
            requests: totals.requests,
            retries: totals.retries,
            errors: totals.errors,
            estimated: totals.estimated,
            unpriced: totals.unpriced,
            tokens: Tokens::from(&totals.tokens),
            cost_usd: totals.cost,
            cache_saved_usd: signed_usd(totals.saved_nano_usd.into()),
            cache: AnswerCache::of(totals),
            guardrails: Guardrails {
                units: totals.tokens.guardrail_units,
                passed: totals.guardrails.passed,
                observed: totals.guardrails.observed,
                intervened: totals.guardrails.intervened,
            },
            latency_ms: Percentiles::of(&totals.latency, true),
            first_token_ms: Percentiles::of(&totals.first_token, false),
        }
    }
}

impl From<&TokenUsage> for Tokens {
    fn from(it: &TokenUsage) -> Self {
        let TokenUsage {
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            images,
            queries,
            guardrail_units,
        } = *it;
        Self {
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            images,
            queries,
            guardrail_units,
        }
    }
}

impl AnswerCache {
    fn of(totals: &UsageTotals) -> Self {
        let cache = totals.cache;
        Self {
            hits: cache.hits,
            misses: cache.misses,
            coalesced: cache.coalesced,
            bypassed: totals.requests.saturating_sub(cache.asked()),
            hit_ratio: cache.hit_per_myriad().map(|share| f64::from(share) / 10_000.0),
            saved_usd: cache.saved,
            mean_age_ms: cache.mean_age_ms(),
        }
    }
}

impl Percentiles {
    fn of(latencies: &Latencies, p99: bool) -> Self {
        let of = |per_cent| latencies.percentile_ms(per_cent);
        Self { p50: of(50), p95: of(95), p99: p99.then(|| of(99)) }
    }
}

/// A page of the answer, with the question as it was understood.
#[must_use]
pub fn page(query: &ReportQuery, page: &Page<ReportRow>) -> Value {
    let next = page.items.last().filter(|_| page.has_more).map(|row| cursor::write(&row.group));
    let names: Vec<_> = query.group_by.iter().map(dimension_name).collect();
    json!({
        "object": "list",
        "from": time(query.from),
        "until": time(query.until),
        "time_zone": query.time_zone.name(),
        "group_by": names,
        "data": page.items.iter().map(|it| row(&query.group_by, it)).collect::<Vec<_>>(),
        "has_more": page.has_more,
        "next": next,
    })
}

/// A row: its group by name, and what was used.
#[must_use]
pub fn row(group_by: &[Dimension], row: &ReportRow) -> Value {
    let group: Map<String, Value> =
        group_by.iter().map(dimension_name).zip(row.group.iter().map(|it| json!(it))).collect();
    let mut view = json!({ "group": group });
    if let (Value::Object(view), Ok(Value::Object(summary))) =
        (&mut view, serde_json::to_value(Summary::from(&row.totals)))
    {
        view.extend(summary);
    }
    view
}

/// Billionths of a dollar as decimal text, below zero with a sign.
#[must_use]
pub fn signed_usd(nano: i128) -> String {
    let money = Money::from_nano_usd(u64::try_from(nano.unsigned_abs()).unwrap_or(u64::MAX));
    if nano < 0 { format!("-{money}") } else { money.to_string() }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
