//! Months of the ledger as files: compressed lines of JSON, and a manifest that is written when all of them are there.
//!
//! Below `usage/<month>/` in the blobs every export has a folder of its own, so that none ever writes over another:
//! `usage/2026-01/<id>/part-0001.ndjson.gz`. The manifest `usage/2026-01/manifest.json` names the exports that are complete.
//! Each has all records that there were, and the digest of them. Records that came in later, and costs that became others,
//! make another export; records go by their id and the last export that has them, so that whoever reads two exports counts
//! none twice.

mod manifest;
mod part;

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use outcrop_ports::{Blobs, Clock, IdGen, Ledger, MonthDigest, MonthDigester, PortError, UsageMonth};
use outcrop_types::UsageRecord;

use self::manifest::Export;
pub use self::manifest::{Manifest, manifest_key};
use self::part::{Part, verify};

/// Records that are read at once.
const PAGE: usize = 500;

/// What a month is put into files with.
#[derive(Clone, Copy)]
pub struct Archive<'a> {
    /// Where records are.
    pub ledger: &'a dyn Ledger,
    /// Where files go.
    pub blobs: &'a dyn Blobs,
    /// Time.
    pub clock: &'a dyn Clock,
    /// New ids.
    pub ids: &'a dyn IdGen,
}

/// The month as it is written: `2026-01`.
#[must_use]
pub fn month_name(month: UsageMonth) -> String {
    month.first.format("%Y-%m").to_string()
}

impl Archive<'_> {
    /// Exports a month, unless an export already has the very records, at the very costs, that the ledger has now; what
    /// there is. When this returns, what was written has been read back and counted.
    ///
    /// # Errors
    /// [`PortError`] when a port does not do.
    pub async fn export_new(&self, month: UsageMonth) -> Result<MonthDigest, PortError> {
        let manifest = self.manifest(month).await?.unwrap_or_else(|| Manifest::of(month));
        let there = self.digest(month).await?;
        if there.records == 0 || manifest.has(&there) {
            return Ok(there);
        }
        let export = self.export(month).await?;
        if let Err(error) = self.verify(&export).await {
            self.discard(&export).await;
            return Err(error);
        }
        // Read again: another process may have written it meanwhile, and what it names must not be lost.
        let mut manifest = self.manifest(month).await?.unwrap_or(manifest);
        let digest = export.digest;
        manifest.exports.push(export);
        self.blobs.put(&manifest_key(month), manifest.to_bytes()?).await?;
        Ok(digest)
    }

    /// Drops a month, if all that the ledger has of it is exported: whether it is gone. What comes in meanwhile is not
    /// exported, and so nothing goes.
    ///
    /// # Errors
    /// [`PortError`] when a port does not do.
    pub async fn drop_exported(&self, month: UsageMonth) -> Result<bool, PortError> {
        let there = self.digest(month).await?;
        let is_named = self.manifest(month).await?.is_some_and(|manifest| manifest.has(&there));
        if there.records > 0 && !is_named {
            return Ok(false);
        }
        self.ledger.drop_month(month, Some(&there)).await
    }

    /// What is exported of a month.
    ///
    /// # Errors
    /// [`PortError`] when the blobs do not do, or the manifest does not read.
    pub async fn manifest(&self, month: UsageMonth) -> Result<Option<Manifest>, PortError> {
        let bytes = self.blobs.get(&manifest_key(month)).await?;
        bytes.map(|bytes| Manifest::read(&bytes)).transpose()
    }

    async fn export(&self, month: UsageMonth) -> Result<Export, PortError> {
        let mut export = Export::new(month, self.ids.uuid(), self.clock.now());
        let (mut part, mut digester) = (Part::default(), MonthDigester::default());
        let mut pages = Pages::new(self.ledger, month);
        while let Some(records) = pages.next().await? {
            for record in &records {
                digester.add(&record.id, record.cost.as_ref());
                part.add(record).map_err(|error| PortError::broken("compress usage records", error))?;
            }
            if part.is_full() {
                export.put(std::mem::take(&mut part), self.blobs).await?;
            }
        }
        if part.records() > 0 {
            export.put(part, self.blobs).await?;
        }
        export.digest = digester.end();
        Ok(export)
    }

    /// Reads back what was written.
    async fn verify(&self, export: &Export) -> Result<(), PortError> {
        const ATTEMPTED: &str = "verify an export of usage records";
        for part in &export.parts {
            let bytes = self.blobs.get(&part.key).await?;
            let bytes = bytes.ok_or_else(|| PortError::unavailable(ATTEMPTED, "a part is not there"))?;
            verify(part, &bytes).map_err(|wrong| PortError::broken(ATTEMPTED, wrong))?;
        }
        Ok(())
    }

    /// Removes what no manifest will name. What cannot be removed is left: nobody reads it.
    async fn discard(&self, export: &Export) {
        for part in &export.parts {
            let _ = self.blobs.delete(&part.key).await;
        }
    }

    /// What the ledger has of a month now.
    async fn digest(&self, month: UsageMonth) -> Result<MonthDigest, PortError> {
        let mut pages = Pages::new(self.ledger, month);
        let mut digester = MonthDigester::default();
        while let Some(records) = pages.next().await? {
            for record in &records {
                digester.add(&record.id, record.cost.as_ref());
            }
        }
        Ok(digester.end())
    }
}

/// Writes a month to a file, one line for each record below the header; how many there are.
///
/// # Errors
/// [`PortError`] when the ledger does not answer or the file cannot be written.
pub async fn write_month(
    ledger: &dyn Ledger,
    month: UsageMonth,
    file: &mut (dyn Write + Send),
    compress: bool,
    header: Option<&str>,
    line: impl Fn(&UsageRecord) -> String + Send,
) -> Result<u64, PortError> {
    let failed = |error: io::Error| PortError::broken("write usage records to a file", error);
    let mut gz = compress.then(|| GzEncoder::new(Vec::new(), Compression::default()));
    let mut pages = Pages::new(ledger, month);
    let mut count = 0;
    let mut lines = header.unwrap_or_default().to_owned();
    loop {
        match &mut gz {
            None => file.write_all(lines.as_bytes()).map_err(failed)?,
            Some(gz) => {
                gz.write_all(lines.as_bytes()).map_err(failed)?;
                file.write_all(&std::mem::take(gz.get_mut())).map_err(failed)?;
            }
        }
        let Some(records) = pages.next().await? else { break };
        count += records.len() as u64;
        lines = records.iter().map(&line).collect();
    }
    if let Some(gz) = gz {
        file.write_all(&gz.finish().map_err(failed)?).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    Ok(count)
}

/// The records of a month, page by page, in order of their ids.
pub struct Pages<'a> {
    ledger: &'a dyn Ledger,
    month: UsageMonth,
    after: Option<outcrop_types::UsageId>,
    over: bool,
}

impl<'a> Pages<'a> {
    /// From the first record on.
    #[must_use]
    pub fn new(ledger: &'a dyn Ledger, month: UsageMonth) -> Self {
        Self { ledger, month, after: None, over: false }
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// [`PortError`] when the ledger does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<UsageRecord>>, PortError> {
        if self.over {
            return Ok(None);
        }
        let page = self.ledger.month_records(self.month, self.after, PAGE).await?;
        self.after = page.items.last().map(|record| record.id);
        self.over = !page.has_more || page.items.is_empty();
        Ok(Some(page.items).filter(|items| !items.is_empty()))
    }
}
