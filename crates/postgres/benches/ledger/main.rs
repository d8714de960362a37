//! How fast the ledger takes records, and how fast it reports on millions of them: `cargo xtask bench ledger`.
//!
//! Works in a database of its own on the server of `OUTCROP_TEST_POSTGRES_URL`, and drops it at the end.
#![expect(clippy::print_stdout, reason = "a benchmark talks to its terminal")]

mod million;
mod traffic;

use std::error::Error;
use std::str::FromStr;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{Dimension, Ledger, ReportQuery, SpendQuery, UsageFilter};
use outcrop_postgres::{PostgresOptions, PostgresStore};
use outcrop_types::{Level, TimeZone, UsageRecord};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

/// Records of one batch.
const BATCH: usize = 500;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done<()> {
    let numbers: Vec<u32> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (written, loaded) = match numbers[..] {
        [written, loaded, ..] => (written, loaded),
        _ => (200_000, 200_000),
    };
    let url = std::env::var("OUTCROP_TEST_POSTGRES_URL")?;
    let server = PgConnectOptions::from_str(&url)?;
    let name = format!("outcrop_bench_{}", std::process::id());
    let mut connection = PgConnection::connect_with(&server).await?;
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    let done = measure(&server.clone().database(&name), written, loaded).await;
    connection.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await?;
    done
}

async fn measure(database: &PgConnectOptions, written: u32, loaded: u32) -> Done<()> {
    let store = PostgresStore::connect(PostgresOptions::new(database.to_url_lossy()))?;
    store.migrate().await?;
    println!("| what | figure |\n|---|--:|");
    let records = traffic::records(0, written);
    let rate = write(&store, &[&records]).await?;
    println!("| records/s, one process, batches of {BATCH}, {written} records | {rate:.0} |");
    let records = traffic::records(written, written);
    let (one, other) = records.split_at(records.len() / 2);
    let rate = write(&store, &[one, other]).await?;
    println!("| records/s, two at once, {written} records more | {rate:.0} |");
    drop(records);

    let mut connection = PgConnection::connect_with(database).await?;
    let loading = Instant::now();
    million::load(&mut connection, loaded).await?;
    million::check(&store, &mut connection).await?;
    let (groups, daily, hourly) = million::sizes(&mut connection).await?;
    println!(
        "| a month of {loaded} records: groups / sums by day / sums by hour (loaded in {} s) | {groups} / {daily} / {hourly} |",
        loading.elapsed().as_secs()
    );
    for (what, query) in questions() {
        report(&store, what, &query).await?;
    }
    spent(&store).await
}

/// Records that are written in a second, by so many at once.
async fn write(store: &PostgresStore, shares: &[&[UsageRecord]]) -> Done<f64> {
    let total: usize = shares.iter().map(|share| share.len()).sum();
    let began = Instant::now();
    let writers = shares.iter().map(|share| async move {
        for batch in share.chunks(BATCH) {
            store.record(batch).await?;
        }
        Ok::<_, outcrop_ports::PortError>(())
    });
    futures::future::try_join_all(writers).await?;
    Ok(total as f64 / began.elapsed().as_secs_f64())
}

fn questions() -> [(&'static str, ReportQuery); 5] {
    let month = ReportQuery {
        from: million::begin(),
        until: million::end(),
        group_by: vec![Dimension::Team],
        filter: UsageFilter::default(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: 1_000,
    };
    let zurich = "Europe/Zurich".parse().unwrap_or_default();
    let with = |group_by| ReportQuery { group_by, ..month.clone() };
    [
        ("the month by team", month.clone()),
        ("the same by month and team", with(vec![Dimension::Month, Dimension::Team])),
        ("by day and model", with(vec![Dimension::Day, Dimension::Model])),
        ("by key", with(vec![Dimension::Key])),
        (
            "by day in a time zone with an hour's difference",
            ReportQuery { time_zone: zurich, ..with(vec![Dimension::Day]) },
        ),
    ]
}

async fn report(store: &PostgresStore, what: &str, query: &ReportQuery) -> Done<()> {
    let mut taken = Vec::new();
    let mut rows = 0;
    for _ in 0..9 {
        let began = Instant::now();
        rows = store.report(query).await?.items.len();
        taken.push(began.elapsed());
    }
    print(what, rows, taken);
    Ok(())
}

async fn spent(store: &PostgresStore) -> Done<()> {
    let odd = |at: DateTime<Utc>| at + TimeDelta::minutes(1_000);
    let query = SpendQuery {
        from: odd(million::begin()),
        until: odd(million::end() - TimeDelta::days(1)),
        team: None,
        subject: None,
        key: None,
        each: Some(Level::Team),
        by_model: true,
        slot: None,
        without: Vec::new(),
    };
    let mut taken = Vec::new();
    let mut rows = 0;
    for _ in 0..9 {
        let began = Instant::now();
        rows = store.spent(&query, 100_000).await?.len();
        taken.push(began.elapsed());
    }
    print("spent in 30 days to the minute, by team and model", rows, taken);
    Ok(())
}

fn print(what: &str, rows: usize, mut taken: Vec<std::time::Duration>) {
    let first = taken.first().map_or(0, std::time::Duration::as_millis);
    taken.sort_unstable();
    let (median, longest) = (taken[taken.len() / 2].as_millis(), taken[taken.len() - 1].as_millis());
    println!(
        "| {what}, {rows} rows: first / median / longest of {} ms | {first} / {median} / {longest} |",
        taken.len()
    );
}
