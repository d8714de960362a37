//! A blob that is written piece by piece: into a temporary file, which is renamed when it is whole.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use outcrop_ports::{BlobUpload, PortError};

use super::{FileBlobs, blocking};

/// How much is gathered before it is written: small pieces would each cost a turn of another thread.
const GATHERED: usize = 256 * 1024;

/// See [`FileBlobs`].
pub(super) struct FileUpload {
    blobs: FileBlobs,
    path: PathBuf,
    temporary: Temporary,
    /// None once a write failed, or was given up half way.
    file: Option<File>,
    gathered: BytesMut,
    size: u64,
}

/// A temporary file; removed when this goes, unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is none; otherwise opening the folder removes what cannot be removed now.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl FileUpload {
    pub(super) async fn begin(blobs: FileBlobs, path: PathBuf) -> Result<Self, PortError> {
        let temporary = Temporary(blobs.temporary());
        let made = (blobs.clone(), temporary.0.clone());
        let file = blocking(move || made.0.create(&made.1)).await.map_err(failed)?;
        Ok(Self { blobs, path, temporary, file: Some(file), gathered: BytesMut::new(), size: 0 })
    }

    /// Writes what is gathered.
    async fn flush(&mut self) -> Result<(), PortError> {
        let bytes = self.gathered.split().freeze();
        // Gone if this future is dropped half way: nobody could know what is in the file.
        let mut file = self.file.take().ok_or_else(|| failed(io::Error::other("an earlier write failed")))?;
        let written = blocking(move || file.write_all(&bytes).map(|()| file)).await;
        self.file = Some(written.map_err(failed)?);
        Ok(())
    }
}

#[async_trait]
impl BlobUpload for FileUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError> {
        self.size += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(GATHERED - self.gathered.len()));
            self.gathered.extend_from_slice(&piece);
            if self.gathered.len() == GATHERED {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, PortError> {
        self.flush().await?;
        let size = self.size;
        let finished = blocking(move || {
            let Self { blobs, path, temporary, file, .. } = *self;
            if let (true, Some(file)) = (blobs.sync, file) {
                file.sync_all()?;
            }
            blobs.rename(&temporary.0, &path)
        });
        finished.await.map_err(failed)?;
        Ok(size)
    }

    async fn abort(self: Box<Self>) {
        drop(self);
    }
}

fn failed(error: io::Error) -> PortError {
    PortError::unavailable("write a file piece by piece", error)
}
