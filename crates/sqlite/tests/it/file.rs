//! What is particular about a store that is a file.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::future::join_all;
use outcrop_ports::contract::samples::{draft, first, job, key, key_id, record, team_id};
use outcrop_ports::{
    AuditLog, Changed, JobStore, KeyStore, Ledger, PortFailure, Probe, UsageFilter, UserStore,
};
use outcrop_sqlite::SqliteStore;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

use crate::support::Folder;

#[tokio::test]
async fn migrations_are_pending_until_they_are_run() {
    let folder = Folder::new();
    let store = SqliteStore::connect(&folder.path("new.db")).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), ["0001 platform", "0002 queue"]);
    assert_eq!(store.pending_migrations().await.unwrap().len(), 2, "looking changes nothing");
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    store.migrate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_may_migrate_at_once() {
    let folder = Folder::new();
    let path = folder.path("shared.db");
    // A connection of its own each, as processes have.
    let migrating = (0..5).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { SqliteStore::connect(&path).await.unwrap().migrate().await.unwrap() })
    });
    for migrated in join_all(migrating).await {
        migrated.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_processes_one_begins_the_platform() {
    let folder = Folder::new();
    let path = folder.path("shared.db");
    SqliteStore::connect(&path).await.unwrap().migrate().await.unwrap();
    let beginning = (1..=5).map(|number| {
        let path = path.clone();
        tokio::spawn(async move {
            let store = SqliteStore::connect(&path).await.unwrap();
            store.bootstrap(&first(number), &draft("platform.begin")).await.unwrap()
        })
    });
    let won = join_all(beginning).await.into_iter().filter(|result| *result.as_ref().unwrap()).count();
    assert_eq!(won, 1);
}

/// Runs itself in another process, which writes, says so and is killed.
#[tokio::test]
async fn what_was_written_outlives_a_kill() {
    const CHILD: &str = "OUTCROP_TEST_KILLED_DATABASE";
    if let Some(path) = std::env::var_os(CHILD) {
        let store = SqliteStore::connect(Path::new(&path)).await.unwrap();
        store.migrate().await.unwrap();
        insert_key(&store).await;
        store.submit_job(&job(1, team_id(1))).await.unwrap();
        store.record(&[record(1, team_id(1))]).await.unwrap();
        std::fs::write(Path::new(&path).with_extension("written"), "").unwrap();
        std::future::pending::<()>().await;
    }
    let folder = Folder::new();
    let path = folder.path("kept.db");
    let mut child = another_process("file::what_was_written_outlives_a_kill", CHILD, &path);
    let started = Instant::now();
    while !path.with_extension("written").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the child failed");
        assert!(started.elapsed() < Duration::from_secs(30), "the child takes too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let again = SqliteStore::connect(&path).await.unwrap();
    assert!(again.lookup_key(&key_id(1)).await.unwrap().is_some());
    assert_eq!(again.audit_head().await.unwrap().unwrap().0, 1);
    assert!(again.lookup_job(job(1, team_id(1)).id).await.unwrap().is_some());
    assert_eq!(again.list_usage(&UsageFilter::default(), None, None, 10).await.unwrap().items.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let store = SqliteStore::connect(&folder.path("private.db")).await.unwrap();
    store.migrate().await.unwrap();
    for name in ["private.db", "private.db-wal", "private.db-shm"] {
        let mode = std::fs::metadata(folder.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// A process that opens and closes the file beside SQLite loses its locks, and other processes walk in.
/// Runs itself in another process, which has no locks but those of this one test.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connecting_again_drops_no_lock() {
    const CHILD: &str = "OUTCROP_TEST_LOCKED_DATABASE";
    // The first byte that shared locks are on (`SHARED_FIRST` in SQLite's os.h).
    const SHARED: &str = "1073741826";
    if let Some(path) = std::env::var_os(CHILD) {
        let ours = format!(" {} ", std::process::id());
        let locks = || {
            let all = std::fs::read_to_string("/proc/locks").unwrap();
            all.lines().filter(|line| line.contains(&ours) && line.contains(SHARED)).count()
        };
        let first = SqliteStore::connect(Path::new(&path)).await.unwrap();
        first.migrate().await.unwrap();
        assert_eq!(locks(), 1, "a connection in write-ahead mode holds a shared lock all the time");
        let _second = SqliteStore::connect(Path::new(&path)).await.unwrap();
        assert_eq!(locks(), 1);
        return;
    }
    let folder = Folder::new();
    let path = folder.path("shared.db");
    let mut child = another_process("file::connecting_again_drops_no_lock", CHILD, &path);
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = Folder::new();
    let failed = SqliteStore::connect(&folder.path("no/such/folder.db")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Unavailable);
    assert!(failed.chain().contains("no/such/folder.db"), "{}", failed.chain());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_broken() {
    let folder = Folder::new();
    std::fs::write(folder.path("text.db"), "not a database, but long enough to be looked at ".repeat(100))
        .unwrap();
    let failed = SqliteStore::connect(&folder.path("text.db")).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
    assert!(failed.chain().contains("text.db"), "{}", failed.chain());
}

#[tokio::test]
async fn the_probe_reads_the_file() {
    let folder = Folder::new();
    let store = folder.store().await;
    assert_eq!(store.name(), "sqlite");
    store.probe().await.unwrap();
}

#[tokio::test]
async fn an_unreadable_row_names_its_place() {
    let folder = Folder::new();
    let path = folder.path("bad.db");
    let store = SqliteStore::connect(&path).await.unwrap();
    store.migrate().await.unwrap();
    insert_key(&store).await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for (column, value) in [
        ("role", "'king'"),
        ("hash", "x'00'"),
        ("requests_per_minute", "-1"),
        ("team_id", "'user_1'"),
        ("scope", "'{\"models\": 1}'"),
        ("tags", "'[]'"),
        ("revision", "-1"),
        ("replaced_by", "'short'"),
    ] {
        let spoil = format!("UPDATE api_keys SET {column} = {value}");
        connection.execute(AssertSqlSafe(spoil)).await.unwrap();
        let failed = store.lookup_key(&key_id(1)).await.unwrap_err();
        assert_eq!(failed.failure, PortFailure::Broken);
        let place = format!("column {column} of api_keys `{}`", key_id(1));
        assert!(failed.to_string().contains(&place), "{failed}");
        connection.execute(AssertSqlSafe("DELETE FROM api_keys")).await.unwrap();
        insert_key(&store).await;
    }
}

#[tokio::test]
async fn tables_that_are_not_there_are_broken_and_not_away() {
    let folder = Folder::new();
    let store = SqliteStore::connect(&folder.path("empty.db")).await.unwrap();
    let failed = store.lookup_key(&key_id(1)).await.unwrap_err();
    assert_eq!(failed.failure, PortFailure::Broken, "{}", failed.chain());
}

async fn insert_key(store: &SqliteStore) {
    let changed = store.insert_key(&key(1, team_id(1)), &draft("key.create")).await.unwrap();
    assert_eq!(changed, Changed::Done);
}

/// Runs one test of this program in another process, where the variable says that it is the other one.
fn another_process(test: &str, variable: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(variable, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
