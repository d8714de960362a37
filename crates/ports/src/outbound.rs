//! Requests to servers that are not ours: identity providers, STS.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::PortError;

/// A request to somebody else's server.
#[derive(Clone)]
pub struct OutboundRequest {
    /// `GET` or `POST`.
    pub method: OutboundMethod,
    /// Absolute; `https` but for loopback addresses.
    pub url: String,
    /// Sent as they are, and nothing besides but, where they are not given, `host`, `content-length` and
    /// `accept: */*`.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Bytes,
    /// From begin to end.
    pub timeout: Duration,
    /// Largest answer read, bytes; a larger one is an error.
    pub max_answer: usize,
}

/// Its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboundMethod {
    /// GET
    Get,
    /// POST
    Post,
}

impl std::fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers and body may hold secrets, and so may the path (webhooks), the query and what stands before an `@`.
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("", &self.url));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("scheme", &scheme)
            .field("host", &host)
            .finish_non_exhaustive()
    }
}

/// Whatever the server answered.
#[derive(Debug, Clone)]
pub struct OutboundAnswer {
    /// The HTTP status; redirects are not followed.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
    /// How long it asks to be left alone, where it says so in seconds.
    pub retry_after: Option<Duration>,
}

/// Sends requests to servers that are not ours, bounded in time and size.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// Sends it once. Any status is an answer; only no answer is an error.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, PortError>;

    /// What is wrong with this address, as far as can be told without asking for it; to follow "the address".
    fn refuses(&self, url: &str) -> Option<String> {
        let _ = url;
        None
    }
}
