//! Bytes too large or too short-lived for a database row.

use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

use crate::PortError;

/// Largest blob that is written or read whole, in bytes: what one request may hold in memory.
pub const MAX_BLOB_BYTES: usize = 64 * 1024 * 1024;

/// A blob's bytes as they come. One that ends early ends with an error.
pub type BlobBytes = Pin<Box<dyn Stream<Item = Result<Bytes, PortError>> + Send>>;

/// A blob that is read piece by piece.
pub struct BlobRead {
    /// How large the whole blob is, bytes.
    pub size: u64,
    /// The bytes that were asked for, in pieces of at most 1 MiB.
    pub bytes: BlobBytes,
}

/// A blob that is written piece by piece, of any size. Nobody sees it until it is finished; one that is dropped is given up.
#[async_trait]
pub trait BlobUpload: Send {
    /// Adds bytes. Holds no more than two parts (of about 5 MiB) in memory; waits while these are on their way.
    async fn write(&mut self, bytes: Bytes) -> Result<(), PortError>;

    /// Ends it: the blob is there, in place of one that was. Its size, bytes.
    async fn finish(self: Box<Self>) -> Result<u64, PortError>;

    /// Gives it up.
    async fn abort(self: Box<Self>);
}

/// What a signed address is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedUse {
    /// Reading the blob; a browser stores it under this name.
    Get {
        /// Its name.
        filename: String,
    },
    /// Writing it, once, with exactly this size.
    Put {
        /// Its size, bytes.
        bytes: u64,
        /// SHA-256 of what must be written, where it is known.
        sha256: Option<[u8; 32]>,
    },
}

/// An address at which whoever knows it may do one thing, for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl {
    /// The address; as good as a password until it is over.
    pub url: String,
    /// Headers that must be sent with it.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedUrl(…)")
    }
}

/// Named byte strings. A key is 1 to 512 characters of `[a-zA-Z0-9_./-]`, with no empty, `.` or `..` part; a
/// value that is written or read whole is at most [`MAX_BLOB_BYTES`]. Other keys and larger values are refused as broken.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Writes a blob whole, in place of one that was there. A reader sees the old or the new, never a part.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError>;

    /// Reads a blob whole.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError>;

    /// Removes a blob. Removing what is not there is not an error.
    async fn delete(&self, key: &str) -> Result<(), PortError>;

    /// How large a blob is, bytes.
    async fn size(&self, key: &str) -> Result<Option<u64>, PortError>;

    /// Reads a blob, or these bytes of it, piece by piece. What lies beyond its end is left out.
    async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Option<BlobRead>, PortError>;

    /// Begins to write a blob of any size.
    async fn upload(&self, key: &str) -> Result<Box<dyn BlobUpload>, PortError>;

    /// Copies a blob, in place of one that was at `to`: its size, or `None` if there is nothing to copy. At most 5 GB.
    async fn copy(&self, from: &str, to: &str) -> Result<Option<u64>, PortError> {
        check_blob_key(to)?;
        let Some(mut read) = self.read(from, None).await? else { return Ok(None) };
        let mut upload = self.upload(to).await?;
        while let Some(piece) = read.bytes.next().await {
            upload.write(piece?).await?;
        }
        upload.finish().await.map(Some)
    }

    /// An address where a client can read or write the blob past us; `None` where there is no such thing.
    async fn sign(
        &self,
        key: &str,
        usage: &SignedUse,
        valid: Duration,
    ) -> Result<Option<SignedUrl>, PortError>;

    /// The blob's place in S3, `s3://bucket/key`, for other services of AWS; `None` where it does not lie there.
    fn s3_uri(&self, key: &str) -> Option<String>;
}

/// The value of `Content-Disposition` for a download under this name (RFC 6266): as it is for those who know RFC 8187, and
/// in plain letters for others.
#[must_use]
pub fn content_disposition(filename: &str) -> String {
    let plain = |it: char| if it.is_ascii_graphic() || it == ' ' { it } else { '_' };
    let quoted = |it: char| if matches!(it, '"' | '\\' | '%') { '_' } else { plain(it) };
    let fallback: String = filename.chars().map(quoted).collect();
    let mut encoded = String::new();
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
}

/// What is wrong with a blob's key or size.
#[derive(Debug, thiserror::Error)]
enum BadBlob {
    #[error("its key is not 1 to 512 characters of [a-zA-Z0-9_./-] without empty, `.` or `..` parts")]
    Key,
    #[error("{bytes} bytes are more than the {MAX_BLOB_BYTES} a blob may have")]
    TooLarge { bytes: u64 },
}

/// Refuses a key that no adapter may accept.
pub fn check_blob_key(key: &str) -> Result<(), PortError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    let good = (1..=512).contains(&key.len())
        && key.bytes().all(allowed)
        && key.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if good { Ok(()) } else { Err(PortError::broken("name a blob", BadBlob::Key)) }
}

/// Refuses a value that is too large to be written or read whole.
pub fn check_blob_size(bytes: u64) -> Result<(), PortError> {
    if bytes <= MAX_BLOB_BYTES as u64 {
        Ok(())
    } else {
        Err(PortError::broken("hold a blob in memory", BadBlob::TooLarge { bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_have_names_that_nobody_misreads() {
        let check = |name: &str, expect: &str| assert_eq!(content_disposition(name), expect);
        check("a b.jsonl", "attachment; filename=\"a b.jsonl\"; filename*=UTF-8''a%20b.jsonl");
        check("\"\\\r\nä;", "attachment; filename=\"_____;\"; filename*=UTF-8''%22%5C%0D%0A%C3%A4%3B");
    }
}
