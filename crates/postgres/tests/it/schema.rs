//! Migrations, and what is read from rows that we would not have written.

use futures::future::join_all;
use outcrop_ports::contract::samples::{draft, first, key, key_id, team_id};
use outcrop_ports::{Changed, KeyStore, PortFailure, Probe, UserStore};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::database::{store, with_databases};

#[test]
fn the_tables_are_those_of_sqlite() {
    let ours = tables(include_str!("../../migrations/0001_platform.sql"));
    let theirs = tables(include_str!("../../../sqlite/migrations/0001_platform.sql"));
    assert!(ours.len() > 5, "tables are found at all");
    assert_eq!(ours, theirs);
}

/// Each table of a migration with its columns, in order.
fn tables(migration: &str) -> Vec<(&str, Vec<&str>)> {
    let mut tables = Vec::new();
    for statement in migration.split("CREATE TABLE ").skip(1) {
        let (name, rest) = statement.split_once(" (\n").unwrap();
        let (body, _) = rest.split_once("\n)").unwrap();
        let words = body.lines().filter_map(|line| line.split_whitespace().next());
        tables.push((
            name,
            words.filter(|word| word.starts_with(|it: char| it.is_ascii_lowercase())).collect(),
        ));
    }
    tables
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn migrations_are_pending_until_they_are_run() {
    with_databases(|databases| async move {
        let store = store(&databases.empty().await);
        store.probe().await.unwrap();
        assert_eq!(store.pending_migrations().await.unwrap(), ["0001 platform"]);
        assert_eq!(store.pending_migrations().await.unwrap().len(), 1, "looking changes nothing");
        store.migrate().await.unwrap();
        assert!(store.pending_migrations().await.unwrap().is_empty());
        store.migrate().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs postgres: cargo xtask test"]
async fn several_processes_may_migrate_and_begin_at_once() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let starting = (1..=5).map(|number| {
            // Connections of its own each, as processes have.
            let store = store(&database);
            tokio::spawn(async move {
                store.migrate().await.unwrap();
                store.bootstrap(&first(number), &draft("platform.begin")).await.unwrap()
            })
        });
        let won = join_all(starting).await.into_iter().filter(|result| *result.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn an_unreadable_row_names_its_place() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        for (column, value) in [
            ("role", "'king'"),
            ("hash", "'x'"),
            ("requests_per_minute", "-1"),
            ("team_id", "'user_1'"),
            ("scope", "'{\"region\":[]}'"),
            ("tags", "'[]'"),
            ("revision", "4294967296"),
        ] {
            let inserted = store.insert_key(&key(1, team_id(1)), &draft("key.create")).await.unwrap();
            assert_eq!(inserted, Changed::Done);
            let spoil = format!("UPDATE api_keys SET {column} = {value}");
            connection.execute(AssertSqlSafe(spoil)).await.unwrap();
            let failed = store.lookup_key(&key_id(1)).await.unwrap_err();
            assert_eq!(failed.failure, PortFailure::Broken);
            let place = format!("column {column} of api_keys `{}`", key_id(1));
            assert!(failed.to_string().contains(&place), "{failed}");
            connection.execute("DELETE FROM api_keys").await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn tables_that_are_not_there_are_broken_and_not_away() {
    with_databases(|databases| async move {
        let store = store(&databases.empty().await);
        let failed = store.lookup_key(&key_id(1)).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    })
    .await;
}
