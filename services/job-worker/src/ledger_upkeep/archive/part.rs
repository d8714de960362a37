//! A file of records: compressed lines of JSON, of bounded size.

use std::io::{self, Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use outcrop_types::UsageRecord;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A part is full with so many records,
const MOST_RECORDS: u64 = 50_000;
/// or with so many bytes: well below what a blob may have, with a page of records still to come.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A part that is being written.
pub(super) struct Part {
    gz: GzEncoder<Vec<u8>>,
    records: u64,
}

/// One that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WrittenPart {
    pub(super) key: String,
    pub(super) records: u64,
    bytes: u64,
    /// Of the compressed bytes, in hexadecimal.
    sha256: String,
}

/// What is wrong with a part that was read back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Spoilt {
    #[error("a part is not as it was written")]
    Changed,
    #[error("a part has {found} records in place of {expected}")]
    Count { expected: u64, found: u64 },
    #[error("a part does not decompress")]
    Unreadable(#[source] io::Error),
}

impl Default for Part {
    fn default() -> Self {
        Self { gz: GzEncoder::new(Vec::new(), Compression::default()), records: 0 }
    }
}

impl Part {
    pub(super) fn add(&mut self, record: &UsageRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.records += 1;
        self.gz.write_all(&line)
    }

    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= MOST_RECORDS || self.gz.get_ref().len() >= MOST_BYTES
    }

    pub(super) fn finish(self, key: String) -> io::Result<(WrittenPart, Bytes)> {
        let bytes = Bytes::from(self.gz.finish()?);
        let (length, sha256) = (bytes.len() as u64, hex_sha256(&bytes));
        Ok((WrittenPart { key, records: self.records, bytes: length, sha256 }, bytes))
    }
}

/// Checks a part that was read back: its bytes, and how many lines are in it.
pub(super) fn verify(part: &WrittenPart, bytes: &[u8]) -> Result<(), Spoilt> {
    if hex_sha256(bytes) != part.sha256 {
        return Err(Spoilt::Changed);
    }
    let mut lines = GzDecoder::new(bytes);
    let (mut buffer, mut found) = (vec![0; 64 * 1024], 0);
    loop {
        match lines.read(&mut buffer).map_err(Spoilt::Unreadable)? {
            0 => break,
            read => found += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
    if found == part.records { Ok(()) } else { Err(Spoilt::Count { expected: part.records, found }) }
}

fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
