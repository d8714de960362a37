//! The months of `usage_records`. They are no tables of their own here, so there is nothing to make.

use chrono::{DateTime, Months, NaiveDate, NaiveTime, Utc};
use outcrop_ports::usage_span::month;
use outcrop_ports::{MonthDigest, MonthDigester, PortError, UsageMonth};
use sqlx::SqliteConnection;

use super::row::CostRow;
use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros};

/// Records that are deleted at a time, while all that write wait.
const AT_ONCE: i64 = 2_000;
const DROP: &str = "drop a month of usage";

pub(super) async fn make(_: &SqliteStore, _: NaiveDate, _: u32) -> Result<(), PortError> {
    Ok(())
}

pub(super) async fn months(store: &SqliteStore) -> Result<Vec<UsageMonth>, PortError> {
    let (mut months, mut from) = (Vec::new(), i64::MIN);
    loop {
        // From month to month by the index, past all records within one.
        let next = sqlx::query_as("SELECT min(at) FROM usage_records WHERE at >= ?").bind(from);
        let found: Option<(Option<i64>,)> = store.read_optional("list the months of usage", next).await?;
        let Some((Some(at),)) = found else { return Ok(months) };
        let row = Row { table: "usage_records", id: "of a month" };
        let month = UsageMonth { first: month(row.time("at", at)?) };
        months.push(month);
        from = micros(bounds(month).1);
    }
}

/// Looks at the whole month first, and removes it piece by piece then, each as it was when it was looked at: nothing else
/// that came meanwhile goes with it, and nobody who writes waits for long.
pub(super) async fn drop(
    store: &SqliteStore,
    month: UsageMonth,
    expected: Option<&MonthDigest>,
) -> Result<bool, PortError> {
    let Some(expected) = expected else { return drop_all(store, month).await };
    let (there, pieces) = look(store, month).await?;
    if there.records > 0 && there != *expected {
        return Ok(false);
    }
    for piece in &pieces {
        if !drop_piece(store, month, piece).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn drop_all(store: &SqliteStore, month: UsageMonth) -> Result<bool, PortError> {
    let (from, until) = bounds(month);
    loop {
        let query = sqlx::query(
            "DELETE FROM usage_records WHERE id IN (SELECT id FROM usage_records WHERE at >= ? AND at < ? LIMIT ?)",
        );
        let query = query.bind(micros(from)).bind(micros(until)).bind(AT_ONCE);
        if store.write(DROP, query).await? == 0 {
            return Ok(true);
        }
    }
}

/// Some records of a month.
struct Piece {
    /// The id of the last one of the piece before.
    after: String,
    /// The id of its last one.
    last: String,
    digest: MonthDigest,
}

/// All of a month, and its pieces, at one moment.
async fn look(store: &SqliteStore, month: UsageMonth) -> Result<(MonthDigest, Vec<Piece>), PortError> {
    let mut transaction = store.begin_reading(DROP).await?;
    let (mut all, mut pieces, mut after) = (MonthDigester::default(), Vec::new(), String::new());
    loop {
        let rows = costs(&mut transaction, month, &after, None).await?;
        let Some(last) = rows.last().map(|row| row.id().to_owned()) else { return Ok((all.end(), pieces)) };
        let mut piece = MonthDigester::default();
        for row in rows {
            let (id, cost) = row.read()?;
            all.add(&id, cost.as_ref());
            piece.add(&id, cost.as_ref());
        }
        let before = std::mem::replace(&mut after, last.clone());
        pieces.push(Piece { after: before, last, digest: piece.end() });
    }
}

/// Removes a piece, if it is as it was.
async fn drop_piece(store: &SqliteStore, month: UsageMonth, piece: &Piece) -> Result<bool, PortError> {
    let mut transaction = store.begin(DROP).await?;
    let mut digester = MonthDigester::default();
    for row in costs(&mut transaction, month, &piece.after, Some(&piece.last)).await? {
        let (id, cost) = row.read()?;
        digester.add(&id, cost.as_ref());
    }
    if digester.end() != piece.digest {
        return Ok(false);
    }
    let (from, until) = bounds(month);
    sqlx::query("DELETE FROM usage_records WHERE id > ? AND id <= ? AND at >= ? AND at < ?")
        .bind(&piece.after)
        .bind(&piece.last)
        .bind(micros(from))
        .bind(micros(until))
        .execute(&mut *transaction)
        .await
        .map_err(|error| port_error(DROP, error))?;
    transaction.commit().await.map_err(|error| port_error(DROP, error))?;
    Ok(true)
}

/// The costs of records behind an id, and up to another. At most as many as a piece has; up to another, one more, so that
/// a piece that grew is seen to have grown.
async fn costs(
    connection: &mut SqliteConnection,
    month: UsageMonth,
    after: &str,
    last: Option<&str>,
) -> Result<Vec<CostRow>, PortError> {
    let (from, until) = bounds(month);
    sqlx::query_as(
        "SELECT id, cost_nano_usd, saved_nano_usd, price FROM usage_records
         WHERE id > ?1 AND (?2 IS NULL OR id <= ?2) AND at >= ?3 AND at < ?4 ORDER BY id LIMIT ?5",
    )
    .bind(after)
    .bind(last)
    .bind(micros(from))
    .bind(micros(until))
    .bind(AT_ONCE + i64::from(last.is_some()))
    .fetch_all(connection)
    .await
    .map_err(|error| port_error(DROP, error))
}

/// From the first moment of a month until before that of the next.
pub(super) fn bounds(month: UsageMonth) -> (DateTime<Utc>, DateTime<Utc>) {
    let next = month.first.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
    let begin = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    (begin(month.first), begin(next))
}
