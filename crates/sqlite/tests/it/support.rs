//! Databases of their own and clocks for tests.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::Clock;
use outcrop_ports::contract::samples::at;
use outcrop_sqlite::{SqliteQueue, SqliteStore};
use tempfile::TempDir;

/// A folder whose databases go with it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// A migrated database that nobody else uses.
    pub(crate) async fn store(&self) -> SqliteStore {
        let path = tempfile::Builder::new().suffix(".db").tempfile_in(&self.0).unwrap().keep().unwrap().1;
        let store = SqliteStore::connect(&path).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// A queue that nobody else uses, with a count of deliveries.
    pub(crate) async fn queue(&self, clock: Arc<dyn Clock>, max_deliveries: u32) -> SqliteQueue {
        SqliteQueue::new(self.store().await, clock, NonZeroU32::new(max_deliveries).unwrap())
    }
}

/// The real time.
pub(crate) struct RealTime;

impl Clock for RealTime {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn monotonic(&self) -> Duration {
        unreachable!("a queue has no use for it")
    }
}

/// A time that only moves when told to.
pub(crate) struct SetTime(Mutex<DateTime<Utc>>);

impl SetTime {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(at(0))))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for SetTime {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        unreachable!("a queue has no use for it")
    }
}
