//! Bytes too large or too short-lived for a database row.

use async_trait::async_trait;
use bytes::Bytes;

use crate::PortError;

/// Largest blob that is written or read whole, in bytes: what one request may hold in memory.
pub const MAX_BLOB_BYTES: usize = 64 * 1024 * 1024;

/// Named byte strings. A key is 1 to 512 characters of `[a-zA-Z0-9_./-]`, with no empty, `.` or `..` part; a
/// value is at most [`MAX_BLOB_BYTES`]. Other keys and larger values are refused as broken.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Writes a blob whole, in place of one that was there. A reader sees the old or the new, never a part.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError>;

    /// Reads a blob whole.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError>;

    /// Removes a blob. Removing what is not there is not an error.
    async fn delete(&self, key: &str) -> Result<(), PortError>;
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
