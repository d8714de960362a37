//! Other costs for records, and the sums corrected by the difference in the same transaction.

use std::collections::BTreeMap;

use outcrop_ports::usage_sums::{Rollup, Sums, kept_cost};
use outcrop_ports::{PortError, Repriced};
use outcrop_types::{Cost, UsageId, UsageRecord};
use sqlx::{Connection, PgConnection};

use super::row::{UsageRow, columns};
use super::sums;
use crate::PostgresStore;
use crate::rows::unreadable;

pub(super) async fn reprice(store: &PostgresStore, changes: &[Repriced]) -> Result<u64, PortError> {
    if changes.is_empty() {
        return Ok(0);
    }
    let changes: BTreeMap<UsageId, &Repriced> = changes.iter().map(|change| (change.id, change)).collect();
    store
        .run("reprice usage", async |connection| {
            let mut transaction = connection.begin().await?;
            match reprice_in(&mut transaction, &changes).await {
                Ok(changed) => transaction.commit().await.map(|()| changed),
                Err(error) => {
                    // At once, since others may wait for the sums. Why the work failed says more than why this did.
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        })
        .await
}

async fn reprice_in(
    connection: &mut PgConnection,
    changes: &BTreeMap<UsageId, &Repriced>,
) -> Result<u64, sqlx::Error> {
    let rows: Vec<UsageRow> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM usage_records WHERE id = ANY($1) AND at = ANY($2) ORDER BY id FOR UPDATE"
    ))
    .bind(changes.keys().map(ToString::to_string).collect::<Vec<_>>())
    .bind(changes.values().map(|change| change.at).collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    let mut changed: Vec<(UsageRecord, Option<Cost>)> = Vec::new();
    for row in rows {
        let record = row.read().map_err(unreadable)?;
        let Some(change) = changes.get(&record.id) else { continue };
        let after = change.after.as_ref().map(kept_cost);
        // What no model was called for costs nothing at any price.
        let priced = !record.cache.spared_the_call();
        if priced && record.cost == change.before && record.cost != after {
            changed.push((record, after));
        }
    }
    update(connection, &changed).await?;
    let differences = changed.iter().map(|(record, after)| (record, Sums::of_cost(record, after.as_ref())));
    sums::add(connection, &Rollup::of_changes(differences)).await?;
    Ok(changed.len() as u64)
}

async fn update(
    connection: &mut PgConnection,
    changed: &[(UsageRecord, Option<Cost>)],
) -> Result<(), sqlx::Error> {
    let costs = || changed.iter().map(|(_, after)| after.as_ref());
    let nano = |cost: &Cost| i64::try_from(cost.usd.nano_usd()).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE usage_records r SET cost_nano_usd = c.cost, saved_nano_usd = c.saved, price = c.price
         FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[]) c (id, at, cost, saved, price)
         WHERE r.id = c.id AND r.at = c.at",
    )
    .bind(changed.iter().map(|(record, _)| record.id.to_string()).collect::<Vec<_>>())
    .bind(changed.iter().map(|(record, _)| record.at).collect::<Vec<_>>())
    .bind(costs().map(|cost| cost.map(nano)).collect::<Vec<_>>())
    .bind(costs().map(|cost| cost.map(|it| it.saved_nano_usd)).collect::<Vec<_>>())
    .bind(costs().map(|cost| cost.map(|it| it.price.clone())).collect::<Vec<_>>())
    .execute(connection)
    .await
    .map(drop)
}
