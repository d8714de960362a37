//! Where rows live, and the queue that lives among them.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outcrop_config::Config;
use outcrop_embedded::SystemClock;
use outcrop_ports::{
    AlertStore, AuditLog, BatchStore, FileStore, JobStore, KeyStore, Ledger, PolicyStore, Probe, PromptStore,
    Queue, ResponseStore, RouteStore, ServiceAccountStore, SessionStore, SigningKeyStore, TeamStore,
    UserStore, WebhookStore,
};
use outcrop_postgres::{CurrentPassword, PostgresOptions, PostgresStore};
use outcrop_sqlite::{SqliteQueue, SqliteStore};
use tokio_util::sync::CancellationToken;

use crate::ledger::Parts;
use crate::secrets::InSecretsManager;
use crate::usage_export::export;
use crate::{WiringError, data_dir};

/// The database's name in the data folder.
const DATABASE_FILE: &str = "outcrop.db";

/// How long a service waits for migrations that are pending.
const MIGRATION_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at them.
const MIGRATION_PAUSE: Duration = Duration::from_millis(500);

/// What 0 stands for in `store.max_connections`.
const DEFAULT_CONNECTIONS: u32 = 8;

/// Every store, all in one database.
#[derive(Clone)]
pub struct Stores {
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// People.
    pub users: Arc<dyn UserStore>,
    /// Teams and their members.
    pub teams: Arc<dyn TeamStore>,
    /// Programs.
    pub accounts: Arc<dyn ServiceAccountStore>,
    /// Logins.
    pub sessions: Arc<dyn SessionStore>,
    /// What signs access tokens.
    pub signing_keys: Arc<dyn SigningKeyStore>,
    /// What was done and what was refused.
    pub audit: Arc<dyn AuditLog>,
    /// Jobs.
    pub jobs: Arc<dyn JobStore>,
    /// Batches.
    pub batches: Arc<dyn BatchStore>,
    /// Clients' files.
    pub files: Arc<dyn FileStore>,
    /// Endpoints that are told of work.
    pub webhooks: Arc<dyn WebhookStore>,
    /// How much may be used.
    pub policies: Arc<dyn PolicyStore>,
    /// What teams have written for their people to fill in.
    pub prompts: Arc<dyn PromptStore>,
    /// Where calls of a model go.
    pub routes: Arc<dyn RouteStore>,
    /// Usage; its lists and reports may come from a replica.
    pub ledger: Arc<dyn Ledger>,
    /// Budgets that were used up to a share.
    pub alerts: Arc<dyn AlertStore>,
    /// Answers that clients come back to.
    pub responses: Arc<dyn ResponseStore>,
    /// Whether the database is there.
    pub probe: Arc<dyn Probe>,
    database: Database,
}

#[derive(Clone)]
enum Database {
    Sqlite(SqliteStore),
    Postgres(Box<PostgresStore>),
}

/// Connects to the database that `store.url` names. Its tables may be missing or old: see
/// [`Stores::migrate`]. A SQLite file in the data folder is made, and the folder too.
pub async fn stores(config: &Config) -> Result<Stores, WiringError> {
    if is_sqlite(config) {
        if config.store.url.is_none() {
            data_dir::make_data_dir(config)?;
        }
        let store =
            SqliteStore::connect(&sqlite_file(config)).await.map_err(|error| WiringError::port(&error))?;
        let mut stores = of(store.clone(), Database::Sqlite(store));
        stores.ledger = Parts { export: export(config).await?, ..Parts::of(stores.ledger) }.joined();
        return Ok(stores);
    }
    // Of all pools: the password is one, and so are the credentials to ask for it.
    let keeper =
        config.store.password_reference.as_deref().map(|it| Arc::new(InSecretsManager::new(it)) as _);
    let store = postgres(config, "store.url", config.store.url.as_deref(), keeper.clone())?;
    let mut stores = of(store.clone(), Database::Postgres(Box::new(store)));
    let mut parts = Parts { export: export(config).await?, ..Parts::of(stores.ledger) };
    if let Some(url) = &config.store.read_url {
        parts.reports = Arc::new(postgres(config, "store.read_url", Some(url), keeper)?);
    }
    stores.ledger = parts.joined();
    Ok(stores)
}

/// [`stores`], for a service that does not migrate: its tables are those that it knows, or newer.
///
/// A rollout may start services beside the migration: while something is pending it is waited for, and then refused. A
/// database that is away is not waited for: services start without it, as ever. One that is newer is fine, by the rules of
/// docs/upgrading.md, for the release before it; so much is said in the log.
///
/// Whoever takes a rollout back while it waits need not wait too: `stop` ends this with an error that is no failure.
pub async fn migrated_stores(config: &Config, stop: &CancellationToken) -> Result<Stores, WiringError> {
    let stores = Box::pin(once_migrated(config));
    stop.run_until_cancelled(stores).await.unwrap_or_else(|| Err(WiringError::stopped()))
}

async fn once_migrated(config: &Config) -> Result<Stores, WiringError> {
    let stores = stores(config).await?;
    let mut waited = Duration::ZERO;
    loop {
        let pending = match stores.pending_migrations().await {
            Err(error) if error.is_away() => return Ok(stores),
            other => other?,
        };
        if pending.is_empty() {
            break;
        }
        let pending = pending.join(", ");
        if waited >= MIGRATION_PATIENCE {
            return Err(WiringError::behind(&pending));
        }
        if waited.is_zero() {
            tracing::warn!(
                migrations.pending = pending,
                "the database is not up to date; waiting for `outcrop migrate`"
            );
        }
        tokio::time::sleep(MIGRATION_PAUSE).await;
        waited += MIGRATION_PAUSE;
    }
    let unknown = stores.unknown_migrations().await.unwrap_or_default();
    if !unknown.is_empty() {
        tracing::warn!(migrations.unknown = unknown.join(", "), "the database is newer than this program");
    }
    Ok(stores)
}

fn of<S>(store: S, database: Database) -> Stores
where
    S: KeyStore
        + UserStore
        + TeamStore
        + ServiceAccountStore
        + SessionStore
        + SigningKeyStore
        + AuditLog
        + JobStore
        + BatchStore
        + FileStore
        + WebhookStore
        + PolicyStore
        + PromptStore
        + RouteStore
        + Ledger
        + AlertStore
        + ResponseStore
        + Probe,
{
    let store = Arc::new(store);
    Stores {
        keys: store.clone(),
        users: store.clone(),
        teams: store.clone(),
        accounts: store.clone(),
        sessions: store.clone(),
        signing_keys: store.clone(),
        audit: store.clone(),
        jobs: store.clone(),
        batches: store.clone(),
        files: store.clone(),
        webhooks: store.clone(),
        policies: store.clone(),
        prompts: store.clone(),
        routes: store.clone(),
        ledger: store.clone(),
        alerts: store.clone(),
        responses: store.clone(),
        probe: store,
        database,
    }
}

impl Stores {
    /// Brings the tables up to date; several processes may try at once.
    pub async fn migrate(&self) -> Result<(), WiringError> {
        let done = match &self.database {
            Database::Sqlite(store) => store.migrate().await,
            Database::Postgres(store) => store.migrate().await,
        };
        done.map_err(|error| WiringError::port(&error))
    }

    /// The migrations that are missing, by name.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, WiringError> {
        let pending = match &self.database {
            Database::Sqlite(store) => store.pending_migrations().await,
            Database::Postgres(store) => store.pending_migrations().await,
        };
        pending.map_err(|error| WiringError::port(&error))
    }

    /// The migrations of a newer program that the database has, by name.
    pub async fn unknown_migrations(&self) -> Result<Vec<String>, WiringError> {
        let unknown = match &self.database {
            Database::Sqlite(store) => store.unknown_migrations().await,
            Database::Postgres(store) => store.unknown_migrations().await,
        };
        unknown.map_err(|error| WiringError::port(&error))
    }

    /// The queue in this database, which only SQLite has.
    pub(crate) fn embedded_queue(&self, max_deliveries: NonZeroU32) -> Option<Arc<dyn Queue>> {
        match &self.database {
            Database::Sqlite(store) => {
                let clock = Arc::new(SystemClock::default());
                Some(Arc::new(SqliteQueue::new(store.clone(), clock, max_deliveries)))
            }
            Database::Postgres(_) => None,
        }
    }
}

/// Connects when first used, so Postgres may be away now.
fn postgres(
    config: &Config,
    key: &str,
    url: Option<&str>,
    keeper: Option<Arc<dyn CurrentPassword>>,
) -> Result<PostgresStore, WiringError> {
    let mut options = PostgresOptions::new(url.unwrap_or_default());
    options.password.clone_from(&config.store.password);
    options.keeper = keeper;
    options.pool = if key == "store.read_url" { "replica" } else { "main" };
    options.max_connections = match config.store.max_connections {
        0 => DEFAULT_CONNECTIONS,
        number => number,
    };
    PostgresStore::connect(options)
        .map_err(|error| WiringError::setting(format!("`{key}`: {}", error.chain())))
}

/// Whether rows live in a SQLite file.
#[must_use]
pub fn is_sqlite(config: &Config) -> bool {
    config.store.url.as_deref().is_none_or(|url| url.starts_with("sqlite://"))
}

/// The SQLite file of these settings.
#[must_use]
pub fn sqlite_file(config: &Config) -> PathBuf {
    match config.store.url.as_deref().and_then(|url| url.strip_prefix("sqlite://")) {
        Some(path) => Path::new(path).to_owned(),
        None => config.data_dir.0.join(DATABASE_FILE),
    }
}
