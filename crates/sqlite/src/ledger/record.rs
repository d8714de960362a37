//! Appending records, and adding them to the sums in the same transaction.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use outcrop_ports::PortError;
use outcrop_ports::usage_sums::{Rollup, kept};
use outcrop_types::UsageRecord;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::portions::portions;
use super::row::columns;
use super::sums;
use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{json_text, micros};

pub(super) async fn record(store: &SqliteStore, records: &[UsageRecord]) -> Result<(), PortError> {
    const ATTEMPTED: &str = "record usage";
    if records.is_empty() {
        return Ok(());
    }
    let mut by_id: BTreeMap<_, Cow<'_, UsageRecord>> = BTreeMap::new();
    for record in records {
        by_id.entry(record.id).or_insert_with(|| kept(record));
    }
    let records: Vec<&UsageRecord> = by_id.values().map(AsRef::as_ref).collect();
    let mut transaction = store.begin(ATTEMPTED).await?;
    append(&mut transaction, &records).await.map_err(|error| port_error(ATTEMPTED, error))?;
    transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))
}

async fn append(connection: &mut SqliteConnection, records: &[&UsageRecord]) -> Result<(), sqlx::Error> {
    let mut new = HashSet::new();
    for portion in portions(records) {
        let ids: Vec<(String,)> = insert(portion)?.build_query_as().fetch_all(&mut *connection).await?;
        new.extend(ids.into_iter().map(|(id,)| id));
    }
    // Only what was not there before counts.
    let new = records.iter().copied().filter(|record| new.contains(&record.id.to_string()));
    sums::add(connection, &Rollup::of(new)).await
}

fn insert(records: &[&UsageRecord]) -> Result<QueryBuilder<Sqlite>, sqlx::Error> {
    let tags = records.iter().map(|record| json_text(&record.tags)).collect::<Result<Vec<_>, _>>()?;
    let mut query = QueryBuilder::new(concat!("INSERT INTO usage_records (", columns!(), ") "));
    query.push_values(records.iter().zip(tags), |mut row, (record, tags)| {
        row.push_bind(record.id.to_string())
            .push_bind(record.request_id.as_str().to_owned())
            .push_bind(micros(record.at))
            .push_bind(record.team.to_string())
            .push_bind(record.subject.to_string())
            .push_bind(record.key.as_ref().map(|key| key.as_str().to_owned()))
            .push_bind(record.dialect.clone())
            .push_bind(record.operation.clone())
            .push_bind(record.model_asked.clone())
            .push_bind(record.model_served.clone())
            .push_bind(record.region.clone())
            .push_bind(record.tier.name())
            .push_bind(tags)
            .push_bind(record.cache.name())
            .push_bind(record.cache_age_ms.map(count))
            .push_bind(record.cache_saved.map(|saved| count(saved.nano_usd())))
            .push_bind(i64::from(record.attempt))
            .push_bind(record.again)
            .push_bind(record.account.as_ref().map(|it| it.as_str().to_owned()))
            .push_bind(record.guardrail.name())
            .push_bind(count(record.tokens.input))
            .push_bind(count(record.tokens.cache_read))
            .push_bind(count(record.tokens.cache_write_5m))
            .push_bind(count(record.tokens.cache_write_1h))
            .push_bind(count(record.tokens.output))
            .push_bind(count(record.tokens.reasoning))
            .push_bind(count(record.tokens.images))
            .push_bind(count(record.tokens.queries))
            .push_bind(count(record.tokens.guardrail_units))
            .push_bind(record.estimated)
            .push_bind(record.streamed)
            .push_bind(count(record.latency_ms))
            .push_bind(record.first_token_ms.map(count))
            .push_bind(record.stop_reason.clone())
            .push_bind(record.outcome.name())
            .push_bind(record.error.clone())
            .push_bind(record.cost.as_ref().map(|cost| count(cost.usd.nano_usd())))
            .push_bind(record.cost.as_ref().map(|cost| cost.saved_nano_usd))
            .push_bind(record.cost.as_ref().map(|cost| cost.price.clone()));
    });
    query.push(" ON CONFLICT DO NOTHING RETURNING id");
    Ok(query)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
