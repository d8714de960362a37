//! Adding to the sums.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outcrop_ports::usage_sums::{GroupId, Rollup, SUMS, Sums};
use outcrop_types::UsageRecord;
use sqlx::{QueryBuilder, SqliteConnection};

use super::portions::portions;
use crate::rows::{json_text, micros};

/// Sums by hour.
pub(super) const HOURLY: &str = "usage_hourly";
/// Sums by day.
pub(super) const DAILY: &str = "usage_daily";

/// Adds what a batch adds, within the caller's transaction.
pub(super) async fn add(connection: &mut SqliteConnection, rollup: &Rollup<'_>) -> Result<(), sqlx::Error> {
    insert_groups(connection, &rollup.groups).await?;
    upsert(connection, HOURLY, &rollup.hours).await?;
    upsert(connection, DAILY, &rollup.days).await
}

async fn insert_groups(
    connection: &mut SqliteConnection,
    groups: &BTreeMap<GroupId, &UsageRecord>,
) -> Result<(), sqlx::Error> {
    let groups: Vec<_> = groups.iter().collect();
    for portion in portions(&groups) {
        let tags =
            portion.iter().map(|(_, record)| json_text(&record.tags)).collect::<Result<Vec<_>, _>>()?;
        let mut query = QueryBuilder::new(
            "INSERT INTO usage_groups (id, team_id, subject, key_id, dialect, operation, model_asked, model_served,
                                       region, tier, account, cache, guardrail, tags) ",
        );
        query.push_values(portion.iter().zip(tags), |mut row, ((id, record), tags)| {
            row.push_bind(id.to_vec())
                .push_bind(record.team.to_string())
                .push_bind(record.subject.to_string())
                .push_bind(record.key.as_ref().map(|key| key.as_str().to_owned()))
                .push_bind(record.dialect.clone())
                .push_bind(record.operation.clone())
                .push_bind(record.model_asked.clone())
                .push_bind(record.model_served.clone())
                .push_bind(record.region.clone())
                .push_bind(record.tier.name())
                .push_bind(record.account.as_ref().map(|it| it.as_str().to_owned()))
                .push_bind(record.cache.name())
                .push_bind(record.guardrail.name())
                .push_bind(tags);
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn upsert(
    connection: &mut SqliteConnection,
    table: &'static str,
    sums: &BTreeMap<(DateTime<Utc>, GroupId), Sums>,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = sums.iter().collect();
    for portion in portions(&rows) {
        let mut latencies = Vec::with_capacity(portion.len());
        for (_, sums) in portion {
            latencies.push((json_text(&sums.latency)?, json_text(&sums.first_token)?));
        }
        let into = format!("INSERT INTO {table} (at, group_id, latency, first_token, {}) ", SUMS.join(", "));
        let mut query = QueryBuilder::new(into);
        query.push_values(portion.iter().zip(latencies), |mut row, (((at, group), sums), latencies)| {
            row.push_bind(micros(*at)).push_bind(group.to_vec());
            row.push_bind(latencies.0).push_bind(latencies.1);
            for count in sums.counts {
                row.push_bind(count);
            }
        });
        query.push(" ON CONFLICT (at, group_id) DO UPDATE SET ");
        for sum in SUMS {
            query.push(format!("{sum} = {table}.{sum} + excluded.{sum}, "));
        }
        query.push(merged(table, "latency")).push(", ").push(merged(table, "first_token"));
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds up two objects of counts.
fn merged(table: &str, column: &str) -> String {
    format!(
        "{column} = (SELECT json_group_object(bucket, total) FROM
             (SELECT key AS bucket, sum(value) AS total FROM
                 (SELECT key, value FROM json_each({table}.{column})
                  UNION ALL SELECT key, value FROM json_each(excluded.{column}))
              GROUP BY key))"
    )
}
