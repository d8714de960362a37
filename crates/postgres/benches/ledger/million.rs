//! A month of millions of records, made within Postgres, with sums that are checked against the records.

use chrono::{DateTime, Utc};
use outcrop_ports::usage_sums::SUMS;
use outcrop_ports::{Dimension, Ledger, ReportQuery, UsageFilter};
use outcrop_postgres::PostgresStore;
use outcrop_types::{Latencies, TimeZone};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::Done;

/// Lengths of time that occur.
const LATENCIES: i32 = 64;

/// The first moment of the month: August 2026.
pub(crate) fn begin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_785_542_400, 0).unwrap_or_default()
}

/// Its end.
pub(crate) fn end() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_220_800, 0).unwrap_or_default()
}

/// Writes the records, and sums of all of them by the same rules as `Ledger::record`: groups, hours, days, and
/// latencies as digits of one number.
pub(crate) async fn load(connection: &mut PgConnection, count: u32) -> Done<()> {
    connection.execute("CREATE TABLE usage_records_2026_08 (LIKE usage_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS)").await?;
    let latencies: Vec<i64> = (0..LATENCIES).map(|number| 150 + i64::from(number).pow(2) * 5).collect();
    sqlx::query(RECORDS)
        .bind(i64::from(count))
        .bind(&latencies)
        .bind(begin())
        .execute(&mut *connection)
        .await?;
    connection
        .execute("ALTER TABLE usage_records ATTACH PARTITION usage_records_2026_08 FOR VALUES FROM ('2026-08-01 00:00:00+00') TO ('2026-09-01 00:00:00+00')")
        .await?;
    connection.execute(GROUPS).await?;
    let packed: Vec<String> = latencies
        .iter()
        .map(|ms| format!("1e{}", 12 * u32::from(Latencies::bucket(ms.unsigned_abs()))))
        .collect();
    sqlx::query(HOURS).bind(&latencies).bind(&packed).execute(&mut *connection).await?;
    let sums = SUMS.map(|sum| format!(", sum({sum})")).concat();
    let days = format!(
        "INSERT INTO usage_daily (at, group_id, latency, first_token, {})
         SELECT date_trunc('day', at, 'UTC'), group_id, sum(latency), sum(first_token){sums}
         FROM usage_hourly WHERE at < '2026-09-01 00:00:00+00' GROUP BY 1, 2 ORDER BY 1, 2",
        SUMS.join(", ")
    );
    connection.execute(AssertSqlSafe(days)).await?;
    connection.execute("VACUUM ANALYZE").await?;
    Ok(())
}

/// The sums are those of the records.
pub(crate) async fn check(store: &PostgresStore, connection: &mut PgConnection) -> Done<()> {
    type Sums = (String, i64, i64, i64, i64);
    let expected: Vec<Sums> = sqlx::query_as(
        "SELECT team_id, count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cost_nano_usd)::bigint
         FROM usage_records_2026_08 GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    let query = ReportQuery {
        from: begin(),
        until: end(),
        group_by: vec![Dimension::Team],
        filter: UsageFilter::default(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: 1_000,
    };
    let found = store.report(&query).await?.items;
    let found: Vec<Sums> = found
        .into_iter()
        .map(|row| {
            let totals = row.totals;
            let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
            let timed: u64 = totals.latency.buckets().map(|it| it.1).sum();
            assert_eq!(timed, totals.requests, "each call has a latency");
            let team = row.group.into_iter().flatten().next().unwrap_or_default();
            let (input, output) = (number(totals.tokens.input), number(totals.tokens.output));
            (team, number(totals.requests), input, output, number(totals.cost.nano_usd()))
        })
        .collect();
    assert_eq!(found, expected, "the sums are those of the records");
    Ok(())
}

/// How many groups, sums by day and sums by hour of the month there are.
pub(crate) async fn sizes(connection: &mut PgConnection) -> Done<(i64, i64, i64)> {
    Ok(sqlx::query_as(
        "SELECT (SELECT count(*) FROM usage_groups),
                (SELECT count(*) FROM usage_daily WHERE at < '2026-09-01 00:00:00+00'),
                (SELECT count(*) FROM usage_hourly WHERE at < '2026-09-01 00:00:00+00')",
    )
    .fetch_one(connection)
    .await?)
}

/// As in `traffic.rs`, spread evenly over the month.
const RECORDS: &str = "
INSERT INTO usage_records_2026_08 (id, request_id, at, team_id, subject, key_id, dialect, operation, model_asked,
    model_served, region, tier, tags, cache, attempt, again, guardrail, input_tokens, cache_read_tokens, cache_write_5m_tokens,
    cache_write_1h_tokens, output_tokens, reasoning_tokens, images, queries, guardrail_units, estimated, streamed, latency_ms,
    first_token_ms, stop_reason, outcome, error, cost_nano_usd, saved_nano_usd, price)
SELECT 'use_' || lpad(to_hex(i), 32, '1'), 'request-' || i,
    $3::timestamptz + i * (interval '31 days' / $1::bigint),
    'team_' || lpad(to_hex(who % 100), 32, '0'), 'user_' || lpad(to_hex(who), 32, '0'),
    'key' || lpad(to_hex(who), 13, '0'), 'openai', 'chat', model, 'us.' || model || '-v1:0', 'us-east-1', 'standard',
    '{\"project\":\"project ' || spread / 16384 % 2 || '\"}', 'bypass', 1, false, 'none', spread % 20000, 0, 0, 0,
    spread % 2000, 0, 0, 0, 0,
    false, true, ($2::bigint[])[spread / 128 % 64 + 1], ($2::bigint[])[spread / 512 % 16 + 1], 'end_turn', 'completed',
    NULL, spread % 50000000, 0, model || '/us/2026-11-20'
FROM (SELECT i, spread, spread % 1000 AS who,
             (ARRAY['haiku-4-5', 'sonnet-4-5', 'nova-pro'])[spread / 1024 % 3 + 1] AS model
      FROM (SELECT i, i * 2654435761 % 4294967296 AS spread FROM generate_series(0, $1::bigint - 1) i) n) n";

const GROUPS: &str = "
INSERT INTO usage_groups (id, team_id, subject, key_id, dialect, operation, model_asked, model_served, region, tier,
    cache, guardrail, tags)
SELECT decode(md5(key_id || model_asked || tags), 'hex'), team_id, subject, key_id, dialect, operation, model_asked,
       model_served, region, tier, cache, guardrail, tags
FROM (SELECT DISTINCT team_id, subject, key_id, dialect, operation, model_asked, model_served, region, tier, cache,
                      guardrail, tags
      FROM usage_records_2026_08) r";

const HOURS: &str = "
INSERT INTO usage_hourly (at, group_id, latency, first_token, requests, retries, errors, estimated, unpriced,
    input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens,
    images, queries, guardrail_units, cost_nano_usd, saved_nano_usd, cache_hits, cache_coalesced, cache_misses,
    cache_saved_nano_usd, cache_age_ms, guardrail_passed, guardrail_observed, guardrail_intervened)
SELECT date_trunc('hour', r.at, 'UTC'), g.id, sum(l.packed), sum(f.packed), count(*), 0, 0, 0, 0, sum(input_tokens),
    0, 0, 0, sum(output_tokens), 0, 0, 0, 0, sum(cost_nano_usd), 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM usage_records_2026_08 r
JOIN usage_groups g ON g.key_id = r.key_id AND g.model_asked = r.model_asked AND g.tags = r.tags
    AND g.id = decode(md5(r.key_id || r.model_asked || r.tags), 'hex')
JOIN (SELECT ms, packed::numeric FROM unnest($1::bigint[], $2::text[]) u (ms, packed)) l ON l.ms = r.latency_ms
JOIN (SELECT ms, packed::numeric FROM unnest($1::bigint[], $2::text[]) u (ms, packed)) f ON f.ms = r.first_token_ms
GROUP BY 1, 2 ORDER BY 1, 2";
