//! Alerts about budgets, and whether the world was told.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{Alert, AlertId, Page, TeamId};

use crate::PortError;

/// Which alerts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only those of this team.
    pub team: Option<TeamId>,
}

/// Alerts, each raised once, and the list of those that are still to be told.
#[async_trait]
pub trait AlertStore: Send + Sync + 'static {
    /// Raises an alert, unless there is one already for its policy, holder, period (with its beginning), share and budget;
    /// whether it is new. A new one is to be told at once.
    async fn raise_alert(&self, alert: &Alert) -> Result<bool, PortError>;

    /// Takes up to so many alerts that are to be told now, oldest first, and keeps them from others until `now + lease`.
    /// With each, how often telling was tried before.
    async fn claim_alerts(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<(Alert, u32)>, PortError>;

    /// It was told; or, with `None`, is given up.
    async fn alert_told(&self, id: AlertId, at: Option<DateTime<Utc>>) -> Result<(), PortError>;

    /// Telling failed: it is to be tried again then.
    async fn alert_failed(&self, id: AlertId, next: DateTime<Utc>) -> Result<(), PortError>;

    /// Alerts, newest id first. `after` is the last id of the page before.
    async fn list_alerts(
        &self,
        filter: &AlertFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Page<Alert>, PortError>;
}
