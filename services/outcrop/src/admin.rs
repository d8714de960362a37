//! What the administrative commands work on: the stores of the same settings as the server's.

use outcrop_auth::AuthService;
use outcrop_config::Config;
use outcrop_wiring::Stores;

use crate::failure::Failure;
use crate::identity::auth_service;

/// Settings with their secrets resolved, and the stores they name.
pub(crate) struct Admin {
    config: Config,
    pub(crate) stores: Stores,
}

impl Admin {
    /// Connects. A SQLite file is brought up to date on the way, as the server would do; a shared Postgres is
    /// not touched behind its operator's back.
    pub(crate) async fn connect(config: &Config) -> Result<Self, Failure> {
        let this = Self::connect_as_it_is(config).await?;
        if outcrop_wiring::is_sqlite(&this.config) {
            this.stores.migrate().await?;
        } else if !this.stores.pending_migrations().await?.is_empty() {
            return Err(Failure::failed("the database is not up to date; run `outcrop migrate` first"));
        }
        Ok(this)
    }

    /// Connects to what is there, and makes no platform where there is none: for commands that only look.
    pub(crate) async fn connect_existing(config: &Config) -> Result<Self, Failure> {
        if outcrop_wiring::is_sqlite(config) {
            let file = outcrop_wiring::sqlite_file(config);
            if !file.exists() {
                return Err(Failure::failed(format!("there is no database {} yet", file.display())));
            }
        }
        Self::connect(config).await
    }

    /// Connects, whatever state the tables are in.
    pub(crate) async fn connect_as_it_is(config: &Config) -> Result<Self, Failure> {
        // On the heap: settings are large, and every command's future would hold them.
        let config = Box::pin(outcrop_wiring::resolve(config.clone())).await?;
        let stores = Box::pin(outcrop_wiring::stores(&config)).await?;
        Ok(Self { config, stores })
    }

    /// The settings, with their secrets.
    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    /// The auth service's operations, without a server around them. What they change is announced where `cache.url`
    /// says, so that running replicas hear of it.
    pub(crate) async fn auth(&self) -> Result<AuthService, Failure> {
        let changes = outcrop_wiring::changes(&self.config)?;
        auth_service(&self.config, &self.stores, changes, outcrop_wiring::local_limiter()).await
    }
}
