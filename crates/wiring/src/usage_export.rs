//! Usage records as lines of JSON, written before the ledger has them, where others read them.
//!
//! Below a folder for each day of the records (UTC) every batch is an object of its own, named for the records in it:
//! `2026/01/31/<hash>.ndjson`. Written again, the same records take the place of themselves. A batch whose records did not
//! reach the ledger behind may come again with others, and then stands in two objects: readers go by the records' ids.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDate;
use outcrop_config::Config;
use outcrop_ports::{Blobs, PortError, usage_sums};
use outcrop_types::UsageRecord;
use sha2::{Digest, Sha256};

use crate::WiringError;
use crate::shared::blobs_at;

/// The place of `usage.export_url`, if that is set.
pub(crate) async fn export(config: &Config) -> Result<Option<Export>, WiringError> {
    let Some(url) = &config.usage.export_url else { return Ok(None) };
    // Encrypted and addressed as files are.
    let blobs = blobs_at("usage.export_url", url, &config.blobs).await?.port;
    Ok(Some(Export { blobs }))
}

/// Where records are written.
pub(crate) struct Export {
    blobs: Arc<dyn Blobs>,
}

impl Export {
    /// Writes them all, or says that some may be missing.
    pub(crate) async fn write(&self, records: &[UsageRecord]) -> Result<(), PortError> {
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

#[cfg(test)]
mod tests;
