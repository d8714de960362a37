//! Randomness, passed in.

use uuid::Uuid;

/// Where new ids and new secrets come from.
pub trait IdGen: Send + Sync + 'static {
    /// A new UUID version 7.
    fn uuid(&self) -> Uuid;

    /// Fills a buffer with randomness good enough for secrets.
    fn fill(&self, buffer: &mut [u8]);
}
