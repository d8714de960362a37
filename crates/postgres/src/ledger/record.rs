//! Appending records, and adding them to the sums in the same transaction.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use outcrop_ports::PortError;
use outcrop_ports::usage_span::month;
use outcrop_ports::usage_sums::{Rollup, kept};
use outcrop_types::UsageRecord;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;
use sqlx::{Connection, PgConnection, Postgres};

use super::row::columns;
use super::sums;
use crate::PostgresStore;
use crate::rows::json_text;

pub(super) async fn record(store: &PostgresStore, records: &[UsageRecord]) -> Result<(), PortError> {
    if records.is_empty() {
        return Ok(());
    }
    let mut by_id: BTreeMap<_, Cow<'_, UsageRecord>> = BTreeMap::new();
    for record in records {
        by_id.entry(record.id).or_insert_with(|| kept(record));
    }
    // Batches that overlap then wait for each other in the same order, and not in a circle.
    let records: Vec<&UsageRecord> = by_id.values().map(AsRef::as_ref).collect();
    let months: BTreeSet<_> = records.iter().map(|record| month(record.at)).collect();
    store
        .run("record usage", async |connection| {
            store.months.ready(connection, &months).await?;
            match append(connection, &records).await {
                // Somebody dropped a month that we remember.
                Err(error) if is_of_no_month(&error) => {
                    store.months.forget();
                    store.months.ready(connection, &months).await?;
                    append(connection, &records).await
                }
                done => done,
            }
        })
        .await
}

async fn append(connection: &mut PgConnection, records: &[&UsageRecord]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let done = append_in(&mut transaction, records).await;
    match done {
        Ok(()) => transaction.commit().await,
        Err(error) => {
            // At once, since others may wait for the sums. Why the work failed says more than why this did.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

async fn append_in(connection: &mut PgConnection, records: &[&UsageRecord]) -> Result<(), sqlx::Error> {
    let new: Vec<(String,)> = insert(records)?.fetch_all(&mut *connection).await?;
    // Only what was not there before counts.
    let new: HashSet<String> = new.into_iter().map(|(id,)| id).collect();
    let new = records.iter().copied().filter(|record| new.contains(&record.id.to_string()));
    sums::add(connection, &Rollup::of(new)).await
}

/// One statement whatever the number of records: an array per column, so that it is prepared once.
fn insert<'q>(
    records: &[&UsageRecord],
) -> Result<QueryAs<'q, Postgres, (String,), PgArguments>, sqlx::Error> {
    let tags = records.iter().map(|record| json_text(&record.tags)).collect::<Result<Vec<_>, _>>()?;
    let query = sqlx::query_as(concat!(
        "INSERT INTO usage_records (",
        columns!(),
        ") SELECT * FROM unnest(
             $1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
             $15::bigint[], $16::bigint[], $17::bigint[], $18::bool[], $19::text[], $20::text[], $21::bigint[],
             $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[],
             $28::bigint[], $29::bigint[], $30::bool[], $31::bool[], $32::bigint[], $33::bigint[],
             $34::text[], $35::text[], $36::text[], $37::bigint[], $38::bigint[], $39::text[])
         ON CONFLICT DO NOTHING RETURNING id"
    ))
    .bind(column(records, |record| record.id.to_string()))
    .bind(column(records, |record| record.request_id.as_str().to_owned()))
    .bind(column(records, |record| record.at))
    .bind(column(records, |record| record.team.to_string()))
    .bind(column(records, |record| record.subject.to_string()))
    .bind(column(records, |record| record.key.as_ref().map(|key| key.as_str().to_owned())))
    .bind(column(records, |record| record.dialect.clone()))
    .bind(column(records, |record| record.operation.clone()))
    .bind(column(records, |record| record.model_asked.clone()))
    .bind(column(records, |record| record.model_served.clone()))
    .bind(column(records, |record| record.region.clone()))
    .bind(column(records, |record| record.tier.name()))
    .bind(tags)
    .bind(column(records, |record| record.cache.name()))
    .bind(column(records, |record| record.cache_age_ms.map(count)))
    .bind(column(records, |record| record.cache_saved.map(|saved| count(saved.nano_usd()))))
    .bind(column(records, |record| i64::from(record.attempt)))
    .bind(column(records, |record| record.again))
    .bind(column(records, |record| record.account.as_ref().map(|it| it.as_str().to_owned())))
    .bind(column(records, |record| record.guardrail.name()))
    .bind(column(records, |record| count(record.tokens.input)))
    .bind(column(records, |record| count(record.tokens.cache_read)))
    .bind(column(records, |record| count(record.tokens.cache_write_5m)))
    .bind(column(records, |record| count(record.tokens.cache_write_1h)))
    .bind(column(records, |record| count(record.tokens.output)))
    .bind(column(records, |record| count(record.tokens.reasoning)))
    .bind(column(records, |record| count(record.tokens.images)))
    .bind(column(records, |record| count(record.tokens.queries)))
    .bind(column(records, |record| count(record.tokens.guardrail_units)))
    .bind(column(records, |record| record.estimated))
    .bind(column(records, |record| record.streamed))
    .bind(column(records, |record| count(record.latency_ms)))
    .bind(column(records, |record| record.first_token_ms.map(count)))
    .bind(column(records, |record| record.stop_reason.clone()))
    .bind(column(records, |record| record.outcome.name()))
    .bind(column(records, |record| record.error.clone()))
    .bind(column(records, |record| record.cost.as_ref().map(|cost| count(cost.usd.nano_usd()))))
    .bind(column(records, |record| record.cost.as_ref().map(|cost| cost.saved_nano_usd)))
    .bind(column(records, |record| record.cost.as_ref().map(|cost| cost.price.clone())));
    Ok(query)
}

/// One column of all records.
fn column<T>(records: &[&UsageRecord], read: impl Fn(&UsageRecord) -> T) -> Vec<T> {
    records.iter().map(|record| read(record)).collect()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// "no partition of relation found for row".
fn is_of_no_month(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("23514"))
}
