//! Lines written one after the other into a blob, which is begun with the first of them.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use outcrop_ports::{BlobUpload, Blobs, PortError};
use outcrop_types::KeptLine;
use sha2::{Digest, Sha256};

/// How much is gathered before it is written.
const PIECE: usize = 64 * 1024;

/// A blob of lines.
pub(super) struct Output<'a> {
    blobs: &'a dyn Blobs,
    key: String,
    upload: Option<Box<dyn BlobUpload>>,
    gathered: BytesMut,
    digest: Sha256,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// Its blob.
    pub(super) key: String,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 in hexadecimal.
    pub(super) sha256: String,
}

impl<'a> Output<'a> {
    pub(super) fn new(blobs: &'a dyn Blobs, key: String) -> Self {
        Self { blobs, key, upload: None, gathered: BytesMut::new(), digest: Sha256::new() }
    }

    /// Adds a line.
    pub(super) async fn line(&mut self, text: &str) -> Result<(), PortError> {
        self.gathered.extend_from_slice(text.as_bytes());
        self.gathered.extend_from_slice(b"\n");
        if self.gathered.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    /// Adds a line that was kept, from where its text is.
    pub(super) async fn kept(&mut self, line: &KeptLine) -> Result<(), PortError> {
        let Some(key) = &line.blob else { return self.line(&line.text).await };
        self.blob(key).await?;
        self.gathered.extend_from_slice(b"\n");
        Ok(())
    }

    /// Adds a blob as it is.
    pub(super) async fn blob(&mut self, key: &str) -> Result<(), PortError> {
        let missing = || PortError::broken("read what a batch made", format!("there is no blob `{key}`"));
        let mut read = self.blobs.read(key, None).await?.ok_or_else(missing)?;
        self.flush().await?;
        while let Some(piece) = read.bytes.next().await {
            self.write(piece?).await?;
        }
        Ok(())
    }

    /// Ends it. `None` if nothing was written.
    pub(super) async fn finish(mut self) -> Result<Option<Written>, PortError> {
        self.flush().await?;
        let Some(upload) = self.upload else { return Ok(None) };
        let bytes = upload.finish().await?;
        let sha256 = self.digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(Some(Written { key: self.key, bytes, sha256 }))
    }

    async fn flush(&mut self) -> Result<(), PortError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let gathered = self.gathered.split().freeze();
        self.write(gathered).await
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError> {
        self.digest.update(&bytes);
        let upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.blobs.upload(&self.key).await?,
        };
        self.upload.insert(upload).write(bytes).await
    }
}
