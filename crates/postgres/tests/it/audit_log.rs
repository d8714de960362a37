//! The audit log against whoever can reach the database.

use outcrop_ports::contract::samples::{draft, sealer, team};
use outcrop_ports::{AuditFilter, AuditLog, Changed, PortFailure, TeamStore};
use outcrop_types::{Actor, AuditDraft, AuditEvent};
use sqlx::{Connection, Executor, PgConnection};

use crate::database::{store, with_databases};

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn rows_can_only_be_added() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        store.record_audit(&draft("key.create")).await.unwrap();
        let before = store.read_audit_chain(0, 10).await.unwrap();
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        for statement in [
            "UPDATE audit_log SET actor = 'nobody'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
            "TRUNCATE audit_log, audit_head CASCADE",
            "INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
        ] {
            let refused = connection.execute(statement).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
        }
        assert_eq!(store.read_audit_chain(0, 10).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn without_its_end_nothing_is_changed() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        store.record_audit(&draft("key.create")).await.unwrap();
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        connection.execute("DELETE FROM audit_head").await.unwrap();
        let failed = store.insert_team(&team(1), &draft("team.create")).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
        assert_eq!(store.lookup_team(team(1).id).await.unwrap(), None);
        assert_eq!(store.read_audit_chain(0, 10).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn an_end_that_was_set_back_is_no_conflict() {
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        assert_eq!(store.insert_team(&team(1), &draft("team.create")).await.unwrap(), Changed::Done);
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        connection.execute("UPDATE audit_head SET seq = 0").await.unwrap();
        let failed = store.insert_team(&team(2), &draft("team.create")).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
        assert_eq!(store.lookup_team(team(2).id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_row_before_the_first_is_refused_and_would_be_read() {
    const PUT_IN: &str = "INSERT INTO audit_log SELECT $1, at, team_id, actor, action, target, outcome, record, \
                          previous, hash FROM audit_log WHERE seq = 1";
    with_databases(|databases| async move {
        let database = databases.empty().await;
        let store = store(&database);
        store.migrate().await.unwrap();
        store.record_audit(&draft("key.create")).await.unwrap();
        let mut connection = PgConnection::connect_with(&database).await.unwrap();
        for number in [0_i64, -1, i64::MIN] {
            let refused = sqlx::query(PUT_IN).bind(number).execute(&mut connection).await.unwrap_err();
            assert!(refused.to_string().contains("check constraint"), "{number}: {refused}");
        }
        connection.execute("ALTER TABLE audit_log DROP CONSTRAINT audit_log_seq_check").await.unwrap();
        sqlx::query(PUT_IN).bind(0_i64).execute(&mut connection).await.unwrap();
        let numbers = store.read_audit_chain(0, 10).await.unwrap().into_iter().map(|row| row.seq);
        assert_eq!(numbers.collect::<Vec<_>>(), [0, 1]);
        sqlx::query(PUT_IN).bind(i64::MIN).execute(&mut connection).await.unwrap();
        let failed = store.read_audit_chain(0, 10).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    })
    .await;
}

#[tokio::test]
#[ignore = "needs postgres: cargo xtask test"]
async fn a_target_may_be_longer_than_an_index_takes() {
    with_databases(|databases| async move {
        let store = databases.store().await;
        // Hardly to be compressed, as Postgres does before it complains of the length.
        let long: String =
            (0_u32..4_000).map(|it| format!("/{:08x}", it.wrapping_mul(2_654_435_761))).collect();
        let other = format!("{long}/other");
        for target in [&long, &other] {
            let event = AuditEvent::done(Actor::Anonymous, "request.refuse", target, team(1).created_at);
            store.record_audit(&AuditDraft::new(event, sealer())).await.unwrap();
        }
        let filter = AuditFilter { target: Some(long), ..AuditFilter::default() };
        let found = store.list_audit(&filter, None, 10).await.unwrap();
        assert_eq!(found.items.iter().map(|row| row.seq).collect::<Vec<_>>(), [1]);
    })
    .await;
}
