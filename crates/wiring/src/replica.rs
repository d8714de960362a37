//! A ledger with a replica that is read in its place.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{
    Ledger, MonthDigest, PortError, ReportQuery, ReportRow, Repriced, SpendQuery, Spent, UsageFilter,
    UsageMonth,
};
use outcrop_types::{Page, UsageId, UsageRecord};

/// Reads lists and reports of usage from the replica, which may be a little behind, and everything else from the
/// primary: what decides about money, and what is deleted or changed after it was read. With the replica away there are no
/// reports: it is there to keep them from the primary.
pub(crate) struct Replicated {
    pub(crate) primary: Arc<dyn Ledger>,
    pub(crate) replica: Arc<dyn Ledger>,
}

#[async_trait]
impl Ledger for Replicated {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        self.primary.record(records).await
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        within: Option<Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        self.replica.list_usage(filter, within, after, limit).await
    }

    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        self.replica.report(query).await
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
