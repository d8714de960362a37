//! A ledger whose records are written as lines of JSON first, where others read them.
//!
//! Below a folder for each day of the records (UTC) every batch is an object of its own, named for the records in it:
//! `2026/01/31/<hash>.ndjson`. Written again, the same records take the place of themselves. A batch whose records did not
//! reach the ledger behind may come again with others, and then stands in two objects: readers go by the records' ids.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::NaiveDate;
use outcrop_config::Config;
use outcrop_ports::usage_span::Stretch;
use outcrop_ports::{
    Blobs, Ledger, MonthDigest, PortError, ReportQuery, ReportRow, Repriced, SpendQuery, Spent, UsageFilter,
    UsageMonth, usage_sums,
};
use outcrop_types::{Page, UsageId, UsageRecord};
use sha2::{Digest, Sha256};

use crate::WiringError;
use crate::shared::blobs_at;

/// The ledger, and before it the place of `usage.export_url`, if that is set.
pub(crate) async fn exported(
    ledger: Arc<dyn Ledger>,
    config: &Config,
) -> Result<Arc<dyn Ledger>, WiringError> {
    let Some(url) = &config.usage.export_url else { return Ok(ledger) };
    // Encrypted and addressed as files are.
    let blobs = blobs_at("usage.export_url", url, &config.blobs).await?.port;
    Ok(Arc::new(Exported { ledger, blobs }))
}

/// Writes records to the blobs, then to the ledger; reads from the ledger alone.
struct Exported {
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn Blobs>,
}

impl Exported {
    async fn export(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        let mut days: BTreeMap<NaiveDate, Vec<&UsageRecord>> = BTreeMap::new();
        for record in records {
            days.entry(record.at.date_naive()).or_default().push(record);
        }
        for (day, records) in days {
            self.blobs.put(&key(day, &records), lines(&records)?).await?;
        }
        Ok(())
    }
}

fn key(day: NaiveDate, records: &[&UsageRecord]) -> String {
    let mut hash = Sha256::new();
    for record in records {
        hash.update(record.id.to_string().as_bytes());
    }
    let mut key = format!("{}/", day.format("%Y/%m/%d"));
    for byte in &hash.finalize()[..16] {
        // A text takes everything.
        let _ = write!(key, "{byte:02x}");
    }
    key + ".ndjson"
}

fn lines(records: &[&UsageRecord]) -> Result<Bytes, PortError> {
    let mut bytes = Vec::new();
    for record in records {
        serde_json::to_writer(&mut bytes, &*usage_sums::kept(record))
            .map_err(|error| PortError::broken("write a usage record", error))?;
        bytes.push(b'\n');
    }
    Ok(bytes.into())
}

#[async_trait]
impl Ledger for Exported {
    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        // First: what the ledger has is not sent again.
        self.export(records).await?;
        self.ledger.record(records).await
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        within: Option<Stretch>,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        self.ledger.list_usage(filter, within, after, limit).await
    }

    async fn report(&self, query: &ReportQuery) -> Result<Page<ReportRow>, PortError> {
        self.ledger.report(query).await
    }

    async fn spent(&self, query: &SpendQuery, limit: usize) -> Result<Vec<Spent>, PortError> {
        self.ledger.spent(query, limit).await
    }

    async fn make_months(&self, today: NaiveDate, ahead: u32) -> Result<(), PortError> {
        self.ledger.make_months(today, ahead).await
    }

    async fn months(&self) -> Result<Vec<UsageMonth>, PortError> {
        self.ledger.months().await
    }

    async fn month_records(
        &self,
        month: UsageMonth,
        after: Option<UsageId>,
        limit: usize,
    ) -> Result<Page<UsageRecord>, PortError> {
        self.ledger.month_records(month, after, limit).await
    }

    async fn drop_month(&self, month: UsageMonth, expected: Option<&MonthDigest>) -> Result<bool, PortError> {
        self.ledger.drop_month(month, expected).await
    }

    async fn reprice(&self, changes: &[Repriced]) -> Result<u64, PortError> {
        self.ledger.reprice(changes).await
    }
}

#[cfg(test)]
mod tests;
