//! The ledger as its three parts: what records are written to first, the ledger itself, and what reports are read from.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{
    Ledger, MonthDigest, PortError, ReportQuery, ReportRow, Repriced, SpendQuery, Spent, UsageFilter,
    UsageMonth,
};
use outcrop_types::{Page, UsageId, UsageRecord};

use crate::usage_export::Export;

/// Lists and reports of usage are read from `reports`, which may be a little behind, and everything else from the primary: what
/// decides about money, and what is deleted or changed after it was read. With a replica away there are no reports: it is there
/// to keep them from the primary.
pub(crate) struct Parts {
    /// Has records before the primary does.
    pub(crate) export: Option<Export>,
    pub(crate) primary: Arc<dyn Ledger>,
    /// A replica of the primary, or itself.
    pub(crate) reports: Arc<dyn Ledger>,
}

impl Parts {
    /// All of it in one place.
    pub(crate) fn of(ledger: Arc<dyn Ledger>) -> Self {
        Self { export: None, primary: ledger.clone(), reports: ledger }
    }

    /// As one ledger; nothing stands before one that is alone.
    pub(crate) fn joined(self) -> Arc<dyn Ledger> {
        if self.export.is_none() && Arc::ptr_eq(&self.primary, &self.reports) {
            return self.primary;
        }
        Arc::new(self)
    }
}

#[async_trait]
impl Ledger for Parts {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        // First: what the ledger has is not sent again.
        if let Some(export) = &self.export {
            export.write(records).await?;
        }
        self.primary.record(records).await
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        within: Option<Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        self.reports.list_usage(filter, within, after, limit).await
    }

    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        self.reports.report(query).await
    }

    async fn spent(&self, query: &SpendQuery, limit: usize) -> Result<Vec<Spent>, PortError> {
        self.primary.spent(query, limit).await
    }

    async fn make_months(&self, today: NaiveDate, ahead: u32) -> Result<(), PortError> {
        self.primary.make_months(today, ahead).await
    }

    async fn months(&self) -> Result<Vec<UsageMonth>, PortError> {
        self.primary.months().await
    }

    async fn month_records(
        &self,
        month: UsageMonth,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        self.primary.month_records(month, after, limit).await
    }

    async fn drop_month(&self, month: UsageMonth, expected: Option<&MonthDigest>) -> Result<bool, PortError> {
        self.primary.drop_month(month, expected).await
    }

    async fn reprice(&self, changes: &[Repriced]) -> Result<u64, PortError> {
        self.primary.reprice(changes).await
    }
}
