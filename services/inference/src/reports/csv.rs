//! Answers as CSV (RFC 4180): a header, lines that end in CRLF, quotes where they are needed.

use outcrop_ports::{Dimension, ReportRow};
use outcrop_types::Latencies;

use super::{dimension_name, signed_usd};

const COLUMNS: [&str; 29] = [
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
    "answer_cache_hits",
    "answer_cache_coalesced",
    "answer_cache_misses",
    "guardrail_passed",
    "guardrail_observed",
    "guardrail_intervened",
    "cost_usd",
    "cache_saved_usd",
    "answer_cache_saved_usd",
    "answer_cache_mean_age_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "first_token_p50_ms",
    "first_token_p95_ms",
];

/// The first line.
#[must_use]
pub fn header(group_by: &[Dimension]) -> String {
    let names = group_by.iter().map(|it| text(&dimension_name(it)));
    line(names.chain(COLUMNS.map(ToOwned::to_owned)))
}

/// The line of a row.
#[must_use]
pub fn row(row: &ReportRow) -> String {
    let totals = &row.totals;
    let tokens = &totals.tokens;
    let of = |latencies: &Latencies, per_cent| {
        latencies.percentile_ms(per_cent).map_or_else(String::new, |it| it.to_string())
    };
    let counts = [
        totals.requests,
        totals.retries,
        totals.errors,
        totals.estimated,
        totals.unpriced,
        tokens.input,
        tokens.cache_read,
        tokens.cache_write_5m,
        tokens.cache_write_1h,
        tokens.output,
        tokens.reasoning,
        tokens.images,
        tokens.queries,
        tokens.guardrail_units,
        totals.cache.hits,
        totals.cache.coalesced,
        totals.cache.misses,
        totals.guardrails.passed,
        totals.guardrails.observed,
        totals.guardrails.intervened,
    ];
    let rest = [
        totals.cost.to_string(),
        // A number of ours: its sign begins no formula.
        signed_usd(totals.saved_nano_usd.into()),
        totals.cache.saved.to_string(),
        totals.cache.mean_age_ms().map_or_else(String::new, |it| it.to_string()),
        of(&totals.latency, 50),
        of(&totals.latency, 95),
        of(&totals.latency, 99),
        of(&totals.first_token, 50),
        of(&totals.first_token, 95),
    ];
    let groups = row.group.iter().map(|it| text(it.as_deref().unwrap_or_default()));
    line(groups.chain(counts.map(|it| it.to_string())).chain(rest))
}

/// Cells of one line.
pub fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A cell of somebody else's words: model names and tags are what clients send. Spreadsheets take what begins so for a
/// formula, quoted or not; an apostrophe before it makes it text
/// (<https://owasp.org/www-community/attacks/CSV_Injection>).
#[must_use]
pub fn text(value: &str) -> String {
    let risky = value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let value = if risky { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\r', '\n']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}
