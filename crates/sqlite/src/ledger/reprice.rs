//! Other costs for records, and the sums corrected by the difference in the same transaction.

use std::collections::BTreeMap;

use outcrop_ports::usage_sums::{Rollup, Sums, kept_cost};
use outcrop_ports::{PortError, Repriced};
use outcrop_types::{Cost, UsageId, UsageRecord};
use sqlx::SqliteConnection;

use super::row::{UsageRow, columns};
use super::sums;
use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::unreadable;

pub(super) async fn reprice(store: &SqliteStore, changes: &[Repriced]) -> Result<u64, PortError> {
    const ATTEMPTED: &str = "reprice usage";
    if changes.is_empty() {
        return Ok(0);
    }
    let changes: BTreeMap<UsageId, &Repriced> = changes.iter().map(|change| (change.id, change)).collect();
    let mut transaction = store.begin(ATTEMPTED).await?;
    let changed =
        reprice_in(&mut transaction, &changes).await.map_err(|error| port_error(ATTEMPTED, error))?;
    transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
    Ok(changed)
}

async fn reprice_in(
    connection: &mut SqliteConnection,
    changes: &BTreeMap<UsageId, &Repriced>,
) -> Result<u64, sqlx::Error> {
    let rows: Vec<UsageRow> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM usage_records WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
    ))
    .bind(serde_json::json!(changes.keys().collect::<Vec<_>>()).to_string())
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
    connection: &mut SqliteConnection,
    changed: &[(UsageRecord, Option<Cost>)],
) -> Result<(), sqlx::Error> {
    for (record, after) in changed {
        let nano = |cost: &Cost| i64::try_from(cost.usd.nano_usd()).unwrap_or(i64::MAX);
        sqlx::query("UPDATE usage_records SET cost_nano_usd = ?, saved_nano_usd = ?, price = ? WHERE id = ?")
            .bind(after.as_ref().map(nano))
            .bind(after.as_ref().map(|cost| cost.saved_nano_usd))
            .bind(after.as_ref().map(|cost| cost.price.clone()))
            .bind(record.id.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
