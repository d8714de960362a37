//! The parts of `usage_records`: one table for each month.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{Datelike, Months as Count, NaiveDate, NaiveTime};
use outcrop_ports::usage_span::month;
use outcrop_ports::{MonthDigest, MonthDigester, PortError, UsageMonth};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::row::CostRow;
use crate::PostgresStore;
use crate::rows::unreadable;

/// Most months made ahead at a time.
const MOST_AHEAD: u32 = 120;
/// Whoever makes or drops a month holds this lock; the number means nothing.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305812)";
/// Dropping waits for all who use the table, and all others wait behind it: not for long.
const DROP_WAIT: &str = "SET LOCAL lock_timeout = '2s'";
/// Dropping reads every record of a month first.
const DROP_TIMEOUT: Duration = Duration::from_secs(300);
/// Records that are read at once for that.
const DIGEST_PAGE: u32 = 10_000;

/// The months that this process has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<BTreeSet<NaiveDate>>);

impl Seen {
    /// Makes those that are not there.
    pub(super) async fn ready(
        &self,
        connection: &mut PgConnection,
        months: &BTreeSet<NaiveDate>,
    ) -> Result<(), sqlx::Error> {
        for first in months {
            if !self.lock().contains(first) {
                make_one(connection, *first).await?;
                self.lock().insert(*first);
            }
        }
        Ok(())
    }

    /// Looks again at all.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<NaiveDate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn make(store: &PostgresStore, today: NaiveDate, ahead: u32) -> Result<(), PortError> {
    let this = month(today.and_time(NaiveTime::MIN).and_utc());
    let months = (0..=ahead.min(MOST_AHEAD)).filter_map(|count| this.checked_add_months(Count::new(count)));
    let months: BTreeSet<_> = months.collect();
    store
        .run("make room for usage", async |connection| {
            // Somebody may have dropped one that was seen.
            store.months.forget();
            store.months.ready(connection, &months).await
        })
        .await
}

pub(super) async fn months(store: &PostgresStore) -> Result<Vec<UsageMonth>, PortError> {
    store
        .run("list the months of usage", async |connection| {
            let mut months = Vec::new();
            for first in all(connection).await? {
                let any = format!("SELECT EXISTS (SELECT 1 FROM {})", table(first));
                let (any,): (bool,) = sqlx::query_as(AssertSqlSafe(any)).fetch_one(&mut *connection).await?;
                months.extend(any.then_some(UsageMonth { first }));
            }
            Ok(months)
        })
        .await
}

/// Late records and new costs wait while the month is looked at, so that what is dropped is what was seen; readers do
/// not.
pub(super) async fn drop(
    store: &PostgresStore,
    month: UsageMonth,
    expected: Option<&MonthDigest>,
) -> Result<bool, PortError> {
    store
        .run_for("drop a month of usage", DROP_TIMEOUT, async |connection| {
            let mut transaction = connection.begin().await?;
            match drop_in(&mut transaction, &table(month.first), expected).await {
                Ok(dropped) => transaction.commit().await.map(|()| dropped),
                Err(error) => {
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        })
        .await
}

async fn drop_in(
    connection: &mut PgConnection,
    table: &str,
    expected: Option<&MonthDigest>,
) -> Result<bool, sqlx::Error> {
    if !exists(connection, table).await? {
        return Ok(true);
    }
    sqlx::query(DROP_WAIT).execute(&mut *connection).await?;
    if let Some(expected) = expected {
        let only_read = format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE");
        sqlx::query(AssertSqlSafe(only_read)).execute(&mut *connection).await?;
        let there = digest(connection, table).await?;
        if there.records > 0 && there != *expected {
            return Ok(false);
        }
    }
    sqlx::query(LOCK).execute(&mut *connection).await?;
    sqlx::query(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}"))).execute(connection).await?;
    Ok(true)
}

/// Page by page, since one statement must not take long.
async fn digest(connection: &mut PgConnection, table: &str) -> Result<MonthDigest, sqlx::Error> {
    let page = format!(
        "SELECT id, cost_nano_usd, saved_nano_usd, price FROM {table} WHERE id > $1 ORDER BY id LIMIT {DIGEST_PAGE}"
    );
    let (mut digester, mut after) = (MonthDigester::default(), String::new());
    loop {
        let query = sqlx::query_as(AssertSqlSafe(page.clone())).bind(after);
        let rows: Vec<CostRow> = query.fetch_all(&mut *connection).await?;
        let Some(last) = rows.last() else { return Ok(digester.end()) };
        after = last.id().to_owned();
        for row in rows {
            let (id, cost) = row.read().map_err(unreadable)?;
            digester.add(&id, cost.as_ref());
        }
    }
}

/// The months that have a table, oldest first.
async fn all(connection: &mut PgConnection) -> Result<Vec<NaiveDate>, sqlx::Error> {
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'usage_records'::regclass",
    )
    .fetch_all(connection)
    .await?;
    let date = |(table,): (String,)| {
        let (year, month) = table.strip_prefix("usage_records_")?.split_once('_')?;
        NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)
    };
    let mut months: Vec<_> = tables.into_iter().filter_map(date).collect();
    months.sort_unstable();
    Ok(months)
}

/// Makes a month, unless it is there. Made apart and then attached, since that stops nobody from reading and writing
/// the other months meanwhile.
async fn make_one(connection: &mut PgConnection, first: NaiveDate) -> Result<(), sqlx::Error> {
    let (table, next) = (table(first), first.checked_add_months(Count::new(1)).unwrap_or(NaiveDate::MAX));
    if exists(connection, &table).await? {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::query(LOCK).execute(&mut *transaction).await?;
    if !exists(&mut transaction, &table).await? {
        for statement in [
            format!("CREATE TABLE {table} (LIKE usage_records INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"),
            format!(
                "ALTER TABLE usage_records ATTACH PARTITION {table} FOR VALUES FROM ('{first} 00:00:00+00') \
                 TO ('{next} 00:00:00+00')"
            ),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    // Not `to_regclass`: it may remember from before the lock that there was none.
    let found: (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                        WHERE inhparent = 'usage_records'::regclass AND relname = $1)",
    )
    .bind(table)
    .fetch_one(connection)
    .await?;
    Ok(found.0)
}

fn table(first: NaiveDate) -> String {
    format!("usage_records_{:04}_{:02}", first.year(), first.month())
}
