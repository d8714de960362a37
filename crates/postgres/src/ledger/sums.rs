//! Adding to the sums: groups first, then hours, then days, each in order, so that batches at once wait for each other
//! and not in a circle.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_ports::usage_sums::{GroupId, Rollup, SUMS, Sums};
use outcrop_types::{Latencies, UsageRecord};
use sqlx::{AssertSqlSafe, PgConnection};

use super::packed::pack;
use crate::rows::json_text;

/// Sums by hour.
pub(super) const HOURLY: &str = "usage_hourly";
/// Sums by day.
pub(super) const DAILY: &str = "usage_daily";

/// Adds what a batch adds, within the caller's transaction.
pub(super) async fn add(connection: &mut PgConnection, rollup: &Rollup<'_>) -> Result<(), sqlx::Error> {
    if rollup.groups.is_empty() {
        return Ok(());
    }
    insert_groups(connection, &rollup.groups).await?;
    upsert(connection, HOURLY, &rollup.hours).await?;
    upsert(connection, DAILY, &rollup.days).await
}

async fn insert_groups(
    connection: &mut PgConnection,
    groups: &BTreeMap<GroupId, &UsageRecord>,
) -> Result<(), sqlx::Error> {
    let column = |read: fn(&UsageRecord) -> String| -> Vec<String> {
        groups.values().map(|record| read(record)).collect()
    };
    let tags = groups.values().map(|record| json_text(&record.tags)).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> =
        groups.values().map(|record| record.key.as_ref().map(|key| key.as_str().to_owned())).collect();
    let accounts: Vec<_> =
        groups.values().map(|record| record.account.as_ref().map(|it| it.as_str().to_owned())).collect();
    sqlx::query(
        "INSERT INTO usage_groups (id, team_id, subject, key_id, dialect, operation, model_asked, model_served,
                                   region, tier, account, cache, guardrail, tags)
         SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
         ON CONFLICT DO NOTHING",
    )
    .bind(groups.keys().map(|id| id.to_vec()).collect::<Vec<_>>())
    .bind(column(|record| record.team.to_string()))
    .bind(column(|record| record.subject.to_string()))
    .bind(keys)
    .bind(column(|record| record.dialect.clone()))
    .bind(column(|record| record.operation.clone()))
    .bind(column(|record| record.model_asked.clone()))
    .bind(column(|record| record.model_served.clone()))
    .bind(column(|record| record.region.clone()))
    .bind(column(|record| record.tier.name().to_owned()))
    .bind(accounts)
    .bind(column(|record| record.cache.name().to_owned()))
    .bind(column(|record| record.guardrail.name().to_owned()))
    .bind(tags)
    .execute(connection)
    .await
    .map(drop)
}

async fn upsert(
    connection: &mut PgConnection,
    table: &'static str,
    sums: &BTreeMap<(DateTime<Utc>, GroupId), Sums>,
) -> Result<(), sqlx::Error> {
    let arrays: String = (5..5 + SUMS.len()).map(|number| format!(", ${number}::bigint[]")).collect();
    let added: String = SUMS.map(|sum| format!("{sum} = {table}.{sum} + excluded.{sum}, ")).concat();
    let query = format!(
        "INSERT INTO {table} (at, group_id, latency, first_token, {})
         SELECT * FROM unnest($1::timestamptz[], $2::bytea[], $3::text[]::numeric[], $4::text[]::numeric[]{arrays})
         ON CONFLICT (at, group_id) DO UPDATE SET {added}
             latency = {table}.latency + excluded.latency,
             first_token = {table}.first_token + excluded.first_token",
        SUMS.join(", "),
    );
    let latencies =
        |read: fn(&Sums) -> &Latencies| sums.values().map(|it| pack(read(it))).collect::<Vec<_>>();
    let mut query = sqlx::query(AssertSqlSafe(query))
        .bind(sums.keys().map(|it| it.0).collect::<Vec<_>>())
        .bind(sums.keys().map(|it| it.1.to_vec()).collect::<Vec<_>>())
        .bind(latencies(|it| &it.latency))
        .bind(latencies(|it| &it.first_token));
    for place in 0..SUMS.len() {
        query = query.bind(sums.values().map(|it| it.counts[place]).collect::<Vec<_>>());
    }
    query.execute(connection).await.map(drop)
}
