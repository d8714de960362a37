//! How the server of the Model Context Protocol behaves.

use serde::Deserialize;

/// How `/mcp` behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct McpConfig {
    /// How long a session of an MCP client stays that nobody uses, seconds.
    pub session_ttl_s: u64,
    /// Sessions that one user or service account of a team may have at once; further ones are refused.
    pub max_sessions_per_principal: usize,
    /// Largest body of a message to `/mcp`, bytes; `server.max_body_bytes` bounds it too.
    pub max_message_bytes: usize,
    /// How long a request of a session is waited for before its answer becomes a stream, milliseconds.
    pub stream_after_ms: u64,
    /// Longest time for one request of an MCP client, milliseconds; `server.request_timeout_ms` bounds it too.
    pub call_timeout_ms: u64,
    /// Streams for news that one session may have open at once at one process.
    pub max_listeners_per_session: usize,
    /// Resources that one session may be told of.
    pub max_subscriptions_per_session: usize,
    /// Streams for changes (`subscriptions/listen`, 2026-07-28) that one user or service account of a team may have
    /// open at once at one process; further ones are refused.
    pub max_listeners_per_principal: usize,
    /// Whether the tools, resources and prompts of the protocol's conformance suite are there. Not for production.
    pub conformance_fixtures: bool,
}

impl Default for McpConfig {
    fn default() -> Self {
        Self {
            session_ttl_s: 3_600,
            max_sessions_per_principal: 500,
            max_message_bytes: 4 << 20,
            stream_after_ms: 200,
            call_timeout_ms: 600_000,
            max_listeners_per_session: 4,
            max_subscriptions_per_session: 64,
            max_listeners_per_principal: 32,
            conformance_fixtures: false,
        }
    }
}
