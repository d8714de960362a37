//! How the server behaves.

use std::time::Duration;

use outcrop_config::Config;
use outcrop_http::Bounds;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct McpOptions {
    /// How long a session stays that nobody uses.
    pub session_ttl: Duration,
    /// How large and how deep a message may be.
    pub bounds: Bounds,
    /// How long a request of the old era is waited for before its answer becomes a stream.
    pub stream_after: Duration,
    /// Longest time for one request.
    pub call_timeout: Duration,
    /// Streams for news that one session has open at once in this process.
    pub max_listeners: usize,
    /// Streams for changes that one subject of a team has open at once in this process (2026-07-28).
    pub max_listeners_of_one: usize,
    /// Resources that one session is told of.
    pub max_subscriptions: usize,
    /// How long a stream is known as kept that its process does not speak of again.
    pub lease: Duration,
    /// Whether a client's word is taken on where in its trace a request is.
    pub follow_clients: bool,
    /// How long requests have to end once the process is to stop.
    pub drain: Duration,
}

/// A process that has said nothing for this long has gone.
const LEASE: Duration = Duration::from_secs(15);

impl From<&Config> for McpOptions {
    fn from(config: &Config) -> Self {
        let mcp = &config.mcp;
        let bounds = Bounds::new(&config.server, &config.files);
        Self {
            session_ttl: Duration::from_secs(mcp.session_ttl_s),
            bounds: Bounds { max_body_bytes: bounds.max_body_bytes.min(mcp.max_message_bytes), ..bounds },
            stream_after: Duration::from_millis(mcp.stream_after_ms),
            call_timeout: Duration::from_millis(mcp.call_timeout_ms),
            max_listeners: mcp.max_listeners_per_session,
            max_listeners_of_one: mcp.max_listeners_per_principal,
            max_subscriptions: mcp.max_subscriptions_per_session,
            lease: LEASE,
            follow_clients: config.traces.follow_clients,
            drain: Duration::from_millis(config.server.drain_ms),
        }
    }
}
