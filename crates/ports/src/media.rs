//! Fetches what stands behind URLs that clients send.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// What came from a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The whole body.
    pub body: Bytes,
    /// What the server calls it, without parameters; a claim, not a fact.
    pub media_type: Option<String>,
}

/// Why nothing came. The messages continue a sentence that begins with the field's name, and tell nothing of the
/// network this runs in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not a URL that is fetched at all: its scheme, its host, its address.
    #[error("{0}")]
    Refused(String),
    /// The server did not give it.
    #[error("{0}")]
    Failed(String),
}

/// Fetches media for clients, who choose the URL: whatever is behind it must be harmless to ask.
///
/// Only `https` (and what the operator allows besides), never an address of this network or machine, at no hop; bounded
/// in size, time and hops. How many fetches go on at once is bounded by whoever asks for them, who knows for whom.
#[async_trait]
pub trait MediaFetcher: Send + Sync + 'static {
    /// The body behind the URL, at most `max_bytes` of it: more is an error.
    async fn fetch(&self, url: &str, max_bytes: usize, timeout: Duration) -> Result<Fetched, FetchError>;
}
