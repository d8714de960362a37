//! Where usage ends up.

use async_trait::async_trait;
use outcrop_types::{TeamId, UsageId, UsageRecord};

use crate::PortError;

/// The append-only record of what was used.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Appends records, all or none. One whose id is there already is left as it is: repeating is harmless.
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError>;

    /// Records, newest id first: of one team, or of all. `after` is the last id of the page before.
    async fn list_usage(
        &self,
        team: Option<TeamId>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<outcrop_types::Page<UsageRecord>, PortError>;
}
