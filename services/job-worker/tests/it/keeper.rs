//! The ledger's upkeep on SQLite and files, at any time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_config::Config;
use outcrop_embedded::{FileBlobs, SystemIdGen};
use outcrop_job_worker::{LedgerUpkeep, UpkeepOptions, UpkeepPorts};
use outcrop_ports::contract::samples;
use outcrop_ports::{Clock, TeamStore as _};
use outcrop_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::world::done;

/// A clock that stands where it is put.
#[derive(Debug)]
pub(crate) struct SetClock(Mutex<DateTime<Utc>>);

impl SetClock {
    pub(crate) fn at(now: &str) -> Self {
        Self(Mutex::new(now.parse().unwrap()))
    }

    pub(crate) fn set(&self, now: &str) {
        *self.0.lock().unwrap() = now.parse().unwrap();
    }

    pub(crate) fn forward(&self, seconds: i64) {
        *self.0.lock().unwrap() += chrono::Duration::seconds(seconds);
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub(crate) struct Keeper {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) ports: UpkeepPorts,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) folder: TempDir,
}

impl Keeper {
    pub(crate) async fn at(now: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::connect(&folder.path().join("outcrop.db")).await.unwrap();
        store.migrate().await.unwrap();
        for team in [1, 2] {
            done(store.insert_team(&samples::team(team), &samples::draft("team.create")).await);
        }
        let (store, clock) = (Arc::new(store), Arc::new(SetClock(Mutex::new(now.parse().unwrap()))));
        let config = Config::default();
        let ports = UpkeepPorts {
            ledger: store.clone(),
            policies: store.clone(),
            alerts: store.clone(),
            blobs: Arc::new(FileBlobs::open(folder.path().join("files")).unwrap()),
            outbound: outcrop_wiring::outbound(&config),
            catalog: outcrop_wiring::names(&config).unwrap(),
            clock: clock.clone(),
            ids: Arc::new(SystemIdGen),
        };
        Self { store, ports, clock, folder }
    }

    pub(crate) fn upkeep(&self, options: UpkeepOptions) -> LedgerUpkeep {
        LedgerUpkeep::new(self.ports.clone(), options)
    }
}

pub(crate) fn keeping(retention_months: u32) -> UpkeepOptions {
    UpkeepOptions { retention_months, alert_interval: Duration::from_millis(20), top_teams: 2, webhook: None }
}
