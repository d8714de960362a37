//! Answers that are kept for a while.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::PortError;

/// The name of a value: a digest of everything that it depends on.
pub type CacheKey = [u8; 32];

/// Values that may be gone at any time, in spaces that are cleared as a whole.
///
/// A space is whoever's affair the values are, and never mixes with another. One may lie in another: `team/name` lies in
/// `team`, and is cleared with it; nothing lies deeper. Every call is bounded in time; an error means that nothing is
/// known, and callers go on as if nothing were kept. Values are bounded in number and size: what finds no room pushes
/// out what was least lately used.
#[async_trait]
pub trait Cache: Send + Sync + 'static {
    /// The value, if it is kept and its time is not over.
    async fn get(&self, space: &str, key: &CacheKey) -> Result<Option<Bytes>, PortError>;

    /// Keeps a value for so long, in the place of one with the same name. What is larger than the cache allows is not
    /// kept, which is no error; what stood under its name is gone all the same.
    async fn put(&self, space: &str, key: &CacheKey, value: Bytes, ttl: Duration) -> Result<(), PortError>;

    /// Forgets every value of a space, and of those that lie in it, that was put before, in one step.
    async fn clear(&self, space: &str) -> Result<(), PortError>;
}
