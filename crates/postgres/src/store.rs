//! The pool of connections: opening, migrating, and how statements are run.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{PortError, Probe};
use outcrop_telemetry::pool::{Connections, PoolWatch};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgPoolOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Connection, FromRow, PgConnection, Postgres};

use crate::PostgresOptions;
use crate::error::{migrate_error, port_error};
use crate::ledger::months::Seen;
use crate::password::{Renewal, is_refused};

/// How much longer than the server we wait for a statement, before we take the server to be gone.
const GRACE: Duration = Duration::from_secs(1);
/// Longest for all migrations, waiting for another process that runs them included.
const MIGRATE_TIMEOUT: Duration = Duration::from_secs(600);

/// The stores in one Postgres database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    renewal: Option<Arc<Renewal>>,
    acquire_timeout: Duration,
    statement_timeout: Duration,
    pub(crate) months: Arc<Seen>,
    _watch: PoolWatch,
}

impl PostgresStore {
    /// Prepares to use the database, and talks to it only when something is asked: a service starts while
    /// Postgres is away. Fails only if the options make no sense. To be called within a Tokio runtime.
    pub fn connect(options: PostgresOptions) -> Result<Self, PortError> {
        let PostgresOptions { max_connections, acquire_timeout, statement_timeout, pool: name, .. } = options;
        let renewal = options.keeper.clone().map(|it| Arc::new(Renewal::new(it, options.password.clone())));
        let connect = options.into_connect_options()?;
        let limit = format!("{}ms", statement_timeout.as_millis());
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(acquire_timeout)
            // A statement and not start-up parameters: connection poolers refuse those they do not know. The second
            // one is for a process that vanishes without a word in the middle of a change, while all others wait.
            .after_connect(move |connection, _| {
                let limit = limit.clone();
                Box::pin(async move {
                    let set = sqlx::query(
                        "SELECT set_config('statement_timeout', $1, false),
                                set_config('idle_in_transaction_session_timeout', $1, false)",
                    );
                    set.bind(limit).execute(connection).await.map(drop)
                })
            })
            .connect_lazy_with(connect);
        let watch = PoolWatch::start(("postgresql", name), max_connections, {
            let pool = pool.clone();
            move || Connections {
                open: pool.size(),
                idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
            }
        });
        let months = Arc::default();
        Ok(Self { pool, renewal, acquire_timeout, statement_timeout, months, _watch: watch })
    }

    /// Brings the tables up to date. Of several processes one does and the others wait for it.
    pub async fn migrate(&self) -> Result<(), PortError> {
        const ATTEMPTED: &str = "migrate the database";
        // Not from the pool: neither waiting for another process nor building an index is bound to the time
        // that a statement may take.
        let connect = self.pool.connect_options();
        let connecting = PgConnection::connect_with(&connect);
        let mut connection =
            within(self.acquire_timeout, connecting).await.map_err(|error| port_error(ATTEMPTED, error))?;
        // Not `run`: its future cannot be sent between threads (rustc takes `Acquire` for too special).
        let migrator = migrator();
        let running = migrator.run_direct(None, &mut connection, false);
        tokio::time::timeout(MIGRATE_TIMEOUT, running)
            .await
            .map_err(|elapsed| PortError::unavailable(ATTEMPTED, elapsed))?
            .map_err(|error| migrate_error(ATTEMPTED, error))
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
        let table = self
            .fetch_optional::<(i32,)>(
                ATTEMPTED,
                sqlx::query_as("SELECT 1 WHERE to_regclass('_sqlx_migrations') IS NOT NULL"),
            )
            .await?;
        if table.is_none() {
            return Ok(Vec::new());
        }
        let query = "SELECT version, description FROM _sqlx_migrations WHERE success ORDER BY version";
        self.fetch_all(ATTEMPTED, sqlx::query_as(query)).await
    }

    /// Runs a statement that gives at most one row.
    pub(crate) async fn fetch_optional<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Postgres, R, PgArguments>,
    ) -> Result<Option<R>, PortError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.run(attempted, async |connection| query.fetch_optional(connection).await).await
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn fetch_all<R>(
        &self,
        attempted: &'static str,
        query: QueryAs<'_, Postgres, R, PgArguments>,
    ) -> Result<Vec<R>, PortError>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.run(attempted, async |connection| query.fetch_all(connection).await).await
    }

    /// Runs a statement; says how many rows it changed.
    pub(crate) async fn execute(
        &self,
        attempted: &'static str,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<u64, PortError> {
        self.run(attempted, async |connection| Ok(query.execute(connection).await?.rows_affected())).await
    }

    /// Does a piece of work in one transaction: all of it is written, or with an error nothing.
    pub(crate) async fn transact<T>(
        &self,
        attempted: &'static str,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        self.run(attempted, async |connection| {
            let mut transaction = connection.begin().await?;
            match work(&mut transaction).await {
                Ok(done) => transaction.commit().await.map(|()| done),
                Err(error) => {
                    // At once, since others may wait for its rows. Why the work failed says more than why this did.
                    let _ = transaction.rollback().await;
                    Err(error)
                }
            }
        })
        .await
    }

    /// Lends a connection for a piece of work, for as long as a statement may take.
    pub(crate) async fn run<T>(
        &self,
        attempted: &'static str,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        self.run_for(attempted, self.statement_timeout, work).await
    }

    /// Lends a connection for a piece of work of several statements that takes longer.
    pub(crate) async fn run_for<T>(
        &self,
        attempted: &'static str,
        limit: Duration,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, PortError> {
        let connection = self.acquire().await.map_err(|error| port_error(attempted, error))?;
        let mut lent = Lent(Some(connection));
        let Some(connection) = lent.0.as_deref_mut() else {
            unreachable!("it was put there the line before")
        };
        let result = within(limit + GRACE, work(connection)).await;
        if matches!(result, Ok(_) | Err(sqlx::Error::Database(_))) {
            lent.give_back();
        }
        result.map_err(|error| port_error(attempted, error))
    }

    /// A connection of the pool; a new one with the password that holds now.
    async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        let tried = self.pool.connect_options();
        let acquired = self.pool.acquire().await;
        if let (Err(error), Some(renewal)) = (&acquired, &self.renewal)
            && is_refused(error)
            && renewal.renew(&self.pool, &tried).await
        {
            return self.pool.acquire().await;
        }
        acquired
    }
}

/// A connection that is closed, unless it is given back.
///
/// Work that was cut short, because its time was over or its caller went away, leaves a connection with an
/// answer still to come. The pool would wait for that, and with a server that fell silent it would wait for
/// minutes while the connection counts as taken.
struct Lent(Option<PoolConnection<Postgres>>);

impl Lent {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

/// Bounds a piece of work, for the case that the server itself does not answer any more.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The driver's own options would print the password.
        f.write_str("PostgresStore(…)")
    }
}

#[async_trait]
impl Probe for PostgresStore {
    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn probe(&self) -> Result<(), PortError> {
        let query = sqlx::query_as::<_, (i32,)>("SELECT 1");
        self.fetch_optional("reach the database", query).await.map(drop)
    }
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!();
    // An older program must still start after a newer one has migrated: that is how one rolls back.
    migrator.set_ignore_missing(true);
    migrator
}
