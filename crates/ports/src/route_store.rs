//! Where the table of routes is kept that the admin API changes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{AuditDraft, RouteTable};

use crate::{Changed, PortError};

/// The table as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRoutes {
    /// How often it was changed; 0 is a table that was never written, and is empty.
    pub revision: u64,
    /// The table.
    pub table: RouteTable,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
}

/// The one table of routes of the platform, changed as a whole. Every change writes its audit event in the same
/// transaction: both or none.
#[async_trait]
pub trait RouteStore: Send + Sync + 'static {
    /// The table.
    async fn routes(&self) -> Result<StoredRoutes, PortError>;

    /// Its revision alone. Cheap: asked every second by every process.
    async fn routes_revision(&self) -> Result<u64, PortError>;

    /// Puts a table in the place of the one that was read at `revision`; `Stale` if that is another by now.
    async fn replace_routes(
        &self,
        revision: u64,
        table: &RouteTable,
        at: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError>;
}
