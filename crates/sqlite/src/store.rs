//! The database file: opening, migrating, and how statements are run.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outcrop_ports::{PortError, Probe};
use outcrop_telemetry::pool::{Connections, PoolWatch};
use sqlx::migrate::Migrator;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{FromRow, Sqlite, SqliteConnection, Transaction};

use crate::error::{is_busy, migrate_error, port_error};

/// How long a statement waits for a writer in another process, and a caller for one in this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening may take in all: a new file is written through to a disk that others may keep busy.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to leave a file alone that is busy while it is opened.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// SQLite lets many read beside the one that writes.
const READERS: u32 = 4;
/// Readers that nobody needs give their memory back.
const READER_IDLE: Duration = Duration::from_secs(60);

/// The stores in one SQLite file. Cheap to clone; clones share their connections.
///
/// One connection writes and a few read, in write-ahead mode. With `synchronous = NORMAL` a commit is in the
/// operating system's hands when it returns: `kill -9` and a crash of this process lose nothing, and only a
/// crash of the machine itself may lose the last moments, without harming the file
/// (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
#[derive(Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    _watches: [PoolWatch; 2],
}

impl SqliteStore {
    /// Opens the file, and makes it if it is not there, readable by its owner only. Its folder must exist.
    /// Call [`migrate`](Self::migrate) before anything else.
    pub async fn connect(path: &Path) -> Result<Self, PortError> {
        let attempted = format!("open the database file {}", path.display());
        create_private(path).map_err(|error| PortError::unavailable(&attempted, error))?;
        let options =
            SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).foreign_keys(true);
        let writing =
            options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal);
        let writer = open_writer(writing)
            .await
            .map_err(|error| PortError { attempted, ..port_error("open the database", error) })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .idle_timeout(READER_IDLE)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true));
        let watches = [watch("writer", 1, &writer), watch("readers", READERS, &readers)];
        Ok(Self { writer, readers, _watches: watches })
    }

    /// Brings the tables up to date: all steps or none, one process at a time.
    pub async fn migrate(&self) -> Result<(), PortError> {
        const ATTEMPTED: &str = "migrate the database";
        let mut transaction = self.begin(ATTEMPTED).await?;
        // Not `run`: its future cannot be sent between threads (rustc takes `Acquire` for too special).
        let migrated = migrator().run_direct(None, &mut *transaction, false).await;
        migrated.map_err(|error| migrate_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))
    }

    /// The migrations that this program has and the database has not, by name; changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, PortError> {
        let applied = self.applied_migrations().await?;
        let migrator = migrator();
        let pending = migrator.iter().filter(|it| applied.iter().all(|(version, _)| *version != it.version));
        Ok(pending.map(|it| format!("{:04} {}", it.version, it.description)).collect())
    }

    /// The migrations that the database has and this program does not know, by name: those of a newer one.
    pub async fn unknown_migrations(&self) -> Result<Vec<String>, PortError> {
        let migrator = migrator();
        let unknown = self.applied_migrations().await?.into_iter();
        let unknown = unknown.filter(|(version, _)| migrator.iter().all(|it| it.version != *version));
        Ok(unknown.map(|(version, description)| format!("{version:04} {description}")).collect())
    }

    async fn applied_migrations(&self) -> Result<Vec<(i64, String)>, PortError> {
        const ATTEMPTED: &str = "read which migrations there are";
        let (table,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
                .fetch_one(&self.readers)
                .await
                .map_err(|error| port_error(ATTEMPTED, error))?;
        if table == 0 {
            return Ok(Vec::new());
        }
        let query = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
        self.read_all(ATTEMPTED, sqlx::query_as(query)).await
    }

    /// A transaction that may write from its first statement on: it waits its turn here and cannot be
    /// refused later, as one that began by reading can.
    pub(crate) async fn begin(
        &self,
        attempted: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, PortError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| port_error(attempted, error))
    }

    /// Does a piece of work in one transaction: all of it is written, or with an error nothing.
    pub(crate) async fn transact<T>(
        &self,
        attempted: &'static str,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        let mut transaction = self.begin(attempted).await?;
        let done = work(&mut transaction).await.map_err(|error| port_error(attempted, error))?;
        transaction.commit().await.map_err(|error| port_error(attempted, error))?;
        Ok(done)
    }

    /// A transaction that only reads: all it reads is of the same moment.
    pub(crate) async fn begin_reading(
        &self,
        attempted: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, PortError> {
        self.readers.begin().await.map_err(|error| port_error(attempted, error))
    }

    /// Runs a statement that reads at most one row.
    pub(crate) async fn read_optional<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Sqlite, R, SqliteArguments>,
    ) -> Result<Option<R>, PortError>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        query.fetch_optional(&self.readers).await.map_err(|error| port_error(attempted, error))
    }

    /// Runs a statement that reads rows.
    pub(crate) async fn read_all<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Sqlite, R, SqliteArguments>,
    ) -> Result<Vec<R>, PortError>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        query.fetch_all(&self.readers).await.map_err(|error| port_error(attempted, error))
    }

    /// Runs a statement that writes at most one row and returns it.
    pub(crate) async fn write_optional<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Sqlite, R, SqliteArguments>,
    ) -> Result<Option<R>, PortError>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        // Not `fetch_optional`: that answers on the first row, which is before the statement is committed.
        Ok(self.write_all(attempted, query).await?.pop())
    }

    /// Runs a statement that writes rows and returns them.
    pub(crate) async fn write_all<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Sqlite, R, SqliteArguments>,
    ) -> Result<Vec<R>, PortError>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        query.fetch_all(&self.writer).await.map_err(|error| port_error(attempted, error))
    }

    /// Runs a statement that writes; says how many rows it changed.
    pub(crate) async fn write(
        &self,
        attempted: &'static str,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<u64, PortError> {
        let done = query.execute(&self.writer).await.map_err(|error| port_error(attempted, error))?;
        Ok(done.rows_affected())
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore(…)")
    }
}

#[async_trait]
impl Probe for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn probe(&self) -> Result<(), PortError> {
        // Reads the file, where `SELECT 1` would not.
        let query = sqlx::query_as::<_, (i64,)>("SELECT count(*) FROM sqlite_schema");
        self.read_optional("read the database", query).await.map(drop)
    }
}

fn watch(name: &'static str, most: u32, pool: &SqlitePool) -> PoolWatch {
    let pool = pool.clone();
    PoolWatch::start(("sqlite", name), most, move || Connections {
        open: pool.size(),
        idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
    })
}

/// Opens the one connection that writes.
///
/// Turning a new file over to its write-ahead log takes a moment without anybody else in it, and for that SQLite does
/// not wait, however long it was told to wait for locks: of several processes at their first start, the others try
/// again. It also waits for the disk, and a disk that others keep busy takes many seconds for it.
async fn open_writer(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        let opened = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            // There is no network between us and the file that could have gone away meanwhile.
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await;
        match opened {
            Err(error) if is_in_the_way(&error) && Instant::now() < deadline => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// Whether opening failed for what passes: another process in the file, or a slow disk.
fn is_in_the_way(error: &sqlx::Error) -> bool {
    is_busy(error) || matches!(error, sqlx::Error::PoolTimedOut)
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!();
    // An older program must still start after a newer one has migrated: that is how one rolls back.
    migrator.set_ignore_missing(true);
    migrator
}

/// Makes the file, if it is not there, for its owner's eyes only. SQLite gives the files beside it the same
/// permissions. One that is there keeps its own, and is not even opened: closing it again would drop every
/// lock that connections of this process hold on it (<https://www.sqlite.org/howtocorrupt.html>, 2.2).
fn create_private(path: &Path) -> std::io::Result<()> {
    // Nobody else in this process may use the new file before it is closed here.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map(drop),
    }
}
