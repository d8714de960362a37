//! The tables `usage_records`, `usage_groups`, `usage_hourly` and `usage_daily`.

mod filter;
mod list;
mod months;
mod portions;
mod record;
mod report;
mod reprice;
mod row;
mod spent;
mod sums;

use async_trait::async_trait;
use chrono::NaiveDate;
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{
    Ledger, MonthDigest, PortError, ReportQuery, ReportRow, Repriced, SpendQuery, Spent, UsageFilter,
    UsageMonth,
};
use outcrop_types::{Page, UsageId, UsageRecord};

use crate::SqliteStore;

#[async_trait]
impl Ledger for SqliteStore {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        record::record(self, records).await
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        within: Option<Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        list::list(self, filter, within, after, limit).await
    }

    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        report::report(self, query).await
    }

    async fn spent(&self, query: &SpendQuery, limit: usize) -> Result<Vec<Spent>, PortError> {
        spent::spent(self, query, limit).await
    }

    async fn make_months(&self, today: NaiveDate, ahead: u32) -> Result<(), PortError> {
        months::make(self, today, ahead).await
    }

    async fn months(&self) -> Result<Vec<UsageMonth>, PortError> {
        months::months(self).await
    }

    async fn month_records(
        &self,
        month: UsageMonth,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        list::month_records(self, month, after, limit).await
    }

    async fn drop_month(&self, month: UsageMonth, expected: Option<&MonthDigest>) -> Result<bool, PortError> {
        months::drop(self, month, expected).await
    }

    async fn reprice(&self, changes: &[Repriced]) -> Result<u64, PortError> {
        reprice::reprice(self, changes).await
    }
}
