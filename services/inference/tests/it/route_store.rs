//! A store of routes in memory, which can be away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, RouteStore, StoredRoutes};
use outcrop_types::{AuditDraft, AuditEvent, RouteTable};

/// Routes in memory, and the events of their changes.
#[derive(Debug, Default)]
pub(crate) struct MemoryRoutes {
    pub(crate) stored: Mutex<StoredRoutes>,
    pub(crate) events: Mutex<Vec<AuditEvent>>,
    pub(crate) away: AtomicBool,
}

impl MemoryRoutes {
    /// With this table from the beginning.
    pub(crate) fn of(table: RouteTable) -> Self {
        let stored = StoredRoutes { revision: 1, table, updated_at: None };
        Self { stored: Mutex::new(stored), ..Self::default() }
    }

    fn there(&self) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("read the routes", "the database is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl RouteStore for MemoryRoutes {
    async fn routes(&self) -> Result<StoredRoutes, PortError> {
        self.there()?;
        Ok(self.stored.lock().unwrap().clone())
    }

    async fn routes_revision(&self) -> Result<u64, PortError> {
        self.there()?;
        Ok(self.stored.lock().unwrap().revision)
    }

    async fn replace_routes(
        &self,
        revision: u64,
        table: &RouteTable,
        at: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.there()?;
        let mut stored = self.stored.lock().unwrap();
        if stored.revision != revision {
            return Ok(Changed::Stale);
        }
        *stored = StoredRoutes { revision: revision + 1, table: table.clone(), updated_at: Some(at) };
        self.events.lock().unwrap().push(audit.event().clone());
        Ok(Changed::Done)
    }
}
