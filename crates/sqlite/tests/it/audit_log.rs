//! The audit log against whoever can write to the file.

use futures::future::join_all;
use outcrop_ports::contract::samples::{
    at, draft, refresh_token, sealer, session, session_id, team, team_id,
};
use outcrop_ports::{AuditLog, Changed, PortError, PortFailure, Rotation, SessionStore, TeamStore};
use outcrop_sqlite::SqliteStore;
use outcrop_types::{AuditHash, Team};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::support::Folder;

#[tokio::test]
async fn rows_can_only_be_added() {
    let (_folder, store, mut connection) = opened().await;
    store.record_audit(&draft("key.create")).await.unwrap();
    let before = store.read_audit_chain(0, 10).await.unwrap();
    for statement in [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "INSERT INTO audit_log SELECT * FROM audit_log WHERE TRUE ON CONFLICT (seq) DO UPDATE SET actor = 'x'",
        "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log",
        "REPLACE INTO audit_log SELECT * FROM audit_log",
    ] {
        let refused = connection.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
    assert_eq!(store.read_audit_chain(0, 10).await.unwrap(), before);
}

#[tokio::test]
async fn what_cannot_be_told_of_is_not_done() {
    let (_folder, store, mut connection) = opened().await;
    done(store.insert_team(&team(1), &draft("team.create")).await);
    let (used, next) = (refresh_token(1, session_id(1)), refresh_token(2, session_id(1)));
    store.insert_session(&session(1, team_id(2)), Some(&used)).await.unwrap();
    let rotated = store.rotate_refresh(&used, &next, at(10), &draft("token.reuse")).await.unwrap();
    assert!(matches!(rotated, Rotation::Done(_)));
    connection.execute("DELETE FROM audit_head").await.unwrap();

    let failed = store.insert_team(&team(2), &draft("team.create")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
    let failed = store.delete_team(&team(1), at(20), &draft("team.delete")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    assert_eq!(store.lookup_team(team_id(1)).await.unwrap(), Some(team(1)));
    let failed = store.rotate_refresh(&used, &next, at(20), &draft("token.reuse")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    assert_eq!(store.lookup_session(used.session).await.unwrap().unwrap().revoked_at, None);
    assert_eq!(store.read_audit_chain(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_end_that_was_set_back_does_not_pass_for_a_name_that_is_taken() {
    let (_folder, store, mut connection) = opened().await;
    done(store.insert_team(&team(1), &draft("team.create")).await);
    connection.execute("UPDATE audit_head SET seq = 0").await.unwrap();
    let failed = store.insert_team(&team(2), &draft("team.create")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    assert_eq!(store.lookup_team(team_id(2)).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_goes_round_the_triggers_is_found_by_the_chain() {
    let (_folder, store, mut connection) = opened().await;
    for _ in 0..3 {
        store.record_audit(&draft("key.create")).await.unwrap();
    }
    for trigger in ["audit_log_refuses_update", "audit_log_refuses_delete"] {
        connection.execute(AssertSqlSafe(format!("DROP TRIGGER {trigger}"))).await.unwrap();
    }
    connection.execute("UPDATE audit_log SET actor = 'nobody' WHERE seq = 2").await.unwrap();
    connection.execute("DELETE FROM audit_log WHERE seq = 3").await.unwrap();
    let rows = store.read_audit_chain(0, 10).await.unwrap();
    assert!(rows[0].read(&sealer()).is_ok());
    assert!(rows[1].read(&sealer()).is_err());
    assert_eq!((rows.len(), store.audit_head().await.unwrap().unwrap().0), (2, 3), "the end is missing");
    connection.execute("UPDATE audit_log SET outcome = 'perhaps' WHERE seq = 1").await.unwrap();
    let failed = store.read_audit_chain(0, 10).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken);
    assert!(failed.to_string().contains("column outcome of audit_log `1`"), "{failed}");
}

#[tokio::test]
async fn a_row_before_the_first_is_refused_and_would_be_read() {
    const PUT_IN: &str = "INSERT INTO audit_log SELECT $1, at, team_id, actor, action, target, outcome, record, \
                          previous, hash FROM audit_log WHERE seq = 1";
    let (_folder, store, mut connection) = opened().await;
    store.record_audit(&draft("key.create")).await.unwrap();
    for number in [0_i64, -1, i64::MIN] {
        let refused = sqlx::query(PUT_IN).bind(number).execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("CHECK"), "{number}: {refused}");
    }
    connection.execute("PRAGMA ignore_check_constraints = ON").await.unwrap();
    sqlx::query(PUT_IN).bind(0).execute(&mut connection).await.unwrap();
    let numbers = store.read_audit_chain(0, 10).await.unwrap().into_iter().map(|row| row.seq);
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 1]);
    sqlx::query(PUT_IN).bind(i64::MIN).execute(&mut connection).await.unwrap();
    let failed = store.read_audit_chain(0, 10).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
}

/// A connection of its own each, as processes have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_write_one_chain() {
    const PROCESSES: u32 = 4;
    let folder = Folder::new();
    let path = folder.path("shared.db");
    SqliteStore::connect(&path).await.unwrap().migrate().await.unwrap();
    let writing = (0..PROCESSES).map(|process| {
        let path = path.clone();
        tokio::spawn(async move {
            let store = SqliteStore::connect(&path).await.unwrap();
            for number in 0..10 {
                // Each name is wanted by every process, and given to one.
                let wanted = Team { name: format!("team {number}"), ..team(process * 100 + number) };
                let _ = store.insert_team(&wanted, &draft("team.create")).await.unwrap();
                store.record_audit(&draft("request.refused")).await.unwrap();
            }
        })
    });
    for wrote in join_all(writing).await {
        wrote.unwrap();
    }
    let store = SqliteStore::connect(&path).await.unwrap();
    let mut last = (0, AuditHash::START);
    for row in store.read_audit_chain(0, 1_000).await.unwrap() {
        assert_eq!((row.seq, row.previous), (last.0 + 1, last.1));
        row.read(&sealer()).unwrap();
        last = (row.seq, row.hash);
    }
    assert_eq!(last.0, u64::from(10 + 10 * PROCESSES));
    assert_eq!(store.audit_head().await.unwrap(), Some(last));
}

/// A migrated store and a connection beside it.
async fn opened() -> (Folder, SqliteStore, SqliteConnection) {
    let folder = Folder::new();
    let path = folder.path("audit.db");
    let store = SqliteStore::connect(&path).await.unwrap();
    store.migrate().await.unwrap();
    let connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    (folder, store, connection)
}

#[track_caller]
fn done(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Done);
}
