//! Postgres away, silent and back.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use outcrop_ports::contract::samples::{draft, key, key_id, record, team_id};
use outcrop_ports::{AuditLog, Changed, KeyStore, Ledger, PortError, PortFailure, Probe};
use outcrop_postgres::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::database::{Databases, store as store_of, with_databases};
use crate::proxy::Proxy;

#[tokio::test]
async fn nobody_at_the_address_is_unavailable_soon() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = PostgresOptions {
        acquire_timeout: Duration::from_millis(500),
        ..PostgresOptions::new(format!("postgres://me:hunter2@127.0.0.1:{port}/outcrop"))
    };
    let store = PostgresStore::connect(options).unwrap();
    let started = Instant::now();
    for failed in [
        store.lookup_key(&key_id(1)).await.unwrap_err(),
        store.probe().await.unwrap_err(),
        store.migrate().await.unwrap_err(),
        store.pending_migrations().await.unwrap_err(),
    ] {
        assert_unavailable(&failed);
        assert!(!format!("{} {failed:?}", failed.chain()).contains("hunter2"));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(!format!("{store:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_unavailable_soon() {
    // Connections are accepted by the system and never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = PostgresOptions {
        acquire_timeout: Duration::from_millis(300),
        ..PostgresOptions::new(format!("postgres://me@{}/outcrop", listener.local_addr().unwrap()))
    };
    let store = PostgresStore::connect(options).unwrap();
    let started = Instant::now();
    assert_unavailable(&store.probe().await.unwrap_err());
    assert_unavailable(&store.migrate().await.unwrap_err());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_stopped_server_is_unavailable_and_comes_back() {
    with_databases(|databases| async move {
        let (mut proxy, _, store) = behind_a_proxy(&databases).await;
        add_key(&store).await;

        proxy.stop().await;
        let started = Instant::now();
        assert_unavailable(&store.lookup_key(&key_id(1)).await.unwrap_err());
        assert_unavailable(&store.record(&[record(1, team_id(1))]).await.unwrap_err());
        assert_unavailable(&store.probe().await.unwrap_err());
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

        proxy.restart().await;
        store.probe().await.unwrap();
        assert!(store.lookup_key(&key_id(1)).await.unwrap().is_some());
        store.record(&[record(1, team_id(1))]).await.unwrap();
        proxy.stop().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_lost_connection_is_not_waited_for() {
    with_databases(|databases| async move {
        let (mut proxy, database, store) = behind_a_proxy(&databases).await;
        add_key(&store).await;

        // Both connections of the pool are under way with a statement when the server falls silent; one
        // caller waits for the end of it, the other goes away.
        let mut other = database.connect().await.unwrap();
        let mut locking = other.begin().await.unwrap();
        sqlx::query("LOCK TABLE api_keys").execute(&mut *locking).await.unwrap();
        let looking = || {
            let store = store.clone();
            tokio::spawn(async move { store.lookup_key(&key_id(1)).await })
        };
        let (patient, impatient) = (looking(), looking());
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.lose_connections();
        impatient.abort();
        assert_unavailable(&patient.await.unwrap().unwrap_err());
        locking.rollback().await.unwrap();

        assert!(store.lookup_key(&key_id(1)).await.unwrap().is_some(), "the pool has room for new ones");
        proxy.stop().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn who_vanishes_in_the_middle_of_a_change_holds_up_nobody() {
    with_databases(|databases| async move {
        let (mut proxy, database, store) = behind_a_proxy(&databases).await;
        // The change has the end of the audit log, and waits for the table, when its process vanishes.
        let mut other = database.connect().await.unwrap();
        let mut locking = other.begin().await.unwrap();
        sqlx::query("LOCK TABLE api_keys").execute(&mut *locking).await.unwrap();
        let vanishing = tokio::spawn(async move {
            store.insert_key(&key(1, team_id(1)), &draft("key.create")).await.unwrap_err()
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.lose_connections();
        locking.rollback().await.unwrap();

        let elsewhere = store_of(&database);
        let started = Instant::now();
        elsewhere.record_audit(&draft("request.refuse")).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        assert_unavailable(&vanishing.await.unwrap());
        assert_eq!(elsewhere.lookup_key(&key_id(1)).await.unwrap(), None);
        assert_eq!(elsewhere.read_audit_chain(0, 10).await.unwrap().len(), 1);
        proxy.stop().await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_statement_that_takes_too_long_is_unavailable() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let options = PostgresOptions {
            statement_timeout: Duration::from_millis(200),
            ..PostgresOptions::new(database.to_url_lossy())
        };
        let store = PostgresStore::connect(options).unwrap();
        store.migrate().await.unwrap();
        let mut other = database.connect().await.unwrap();
        let mut transaction = other.begin().await.unwrap();
        sqlx::query("LOCK TABLE api_keys").execute(&mut *transaction).await.unwrap();
        let failed = store.lookup_key(&key_id(1)).await.unwrap_err();
        assert_unavailable(&failed);
        assert!(failed.chain().contains("statement timeout"), "the server's own limit: {}", failed.chain());
        transaction.rollback().await.unwrap();
        assert_eq!(store.lookup_key(&key_id(1)).await.unwrap(), None);
    })
    .await;
}

/// A proxy, the migrated database behind it, and a store of at most two connections that goes through it.
async fn behind_a_proxy(databases: &Databases) -> (Proxy, PgConnectOptions, PostgresStore) {
    let database = databases.empty().await;
    let proxy = Proxy::start((database.get_host().to_owned(), database.get_port())).await;
    let through = database.clone().host("127.0.0.1").port(proxy.port());
    let options = PostgresOptions {
        max_connections: 2,
        acquire_timeout: Duration::from_secs(1),
        statement_timeout: Duration::from_millis(500),
        ..PostgresOptions::new(through.to_url_lossy())
    };
    let store = PostgresStore::connect(options).unwrap();
    store.migrate().await.unwrap();
    (proxy, database, store)
}

async fn add_key(store: &PostgresStore) {
    let added = store.insert_key(&key(1, team_id(1)), &draft("key.create")).await.unwrap();
    assert_eq!(added, Changed::Done);
}

fn assert_unavailable(failed: &PortError) {
    assert_eq!(failed.failure, PortFailure::Unavailable, "{}", failed.chain());
}
