//! Which exports of a month are complete.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_ports::{Blobs, MonthDigest, MonthDigester, PortError, UsageMonth};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::month_name;
use super::part::{Part, WrittenPart};

/// The exports of a month, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `2026-01`
    pub month: String,
    /// Each with all records that there were.
    pub(super) exports: Vec<Export>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Export {
    folder: String,
    at: DateTime<Utc>,
    #[serde(flatten)]
    pub(super) digest: MonthDigest,
    pub(super) parts: Vec<WrittenPart>,
}

/// Where the manifest of a month is.
#[must_use]
pub fn manifest_key(month: UsageMonth) -> String {
    format!("usage/{}/manifest.json", month_name(month))
}

impl Manifest {
    pub(super) fn of(month: UsageMonth) -> Self {
        Self { month: month_name(month), exports: Vec::new() }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, PortError> {
        serde_json::from_slice(bytes)
            .map_err(|error| PortError::broken("read the manifest of a month", error))
    }

    pub(super) fn to_bytes(&self) -> Result<Bytes, PortError> {
        let bytes = serde_json::to_vec_pretty(self);
        bytes.map(Bytes::from).map_err(|error| PortError::broken("write the manifest of a month", error))
    }

    /// Whether an export has these very records, at these very costs.
    pub(super) fn has(&self, digest: &MonthDigest) -> bool {
        self.exports.iter().any(|export| export.digest == *digest)
    }

    /// How many records the last export has.
    #[must_use]
    pub fn last_records(&self) -> Option<u64> {
        self.exports.last().map(|export| export.digest.records)
    }
}

impl Export {
    pub(super) fn new(month: UsageMonth, id: Uuid, at: DateTime<Utc>) -> Self {
        let folder = format!("usage/{}/{}", month_name(month), id.simple());
        Self { folder, at, digest: MonthDigester::default().end(), parts: Vec::new() }
    }

    /// Writes a part.
    pub(super) async fn put(&mut self, part: Part, blobs: &dyn Blobs) -> Result<(), PortError> {
        let key = format!("{}/part-{:04}.ndjson.gz", self.folder, self.parts.len() + 1);
        let (written, bytes) =
            part.finish(key).map_err(|error| PortError::broken("compress usage records", error))?;
        blobs.put(&written.key, bytes).await?;
        self.parts.push(written);
        Ok(())
    }
}
