//! How calls find their way.

use std::path::PathBuf;

use serde::Deserialize;

/// How calls find their way, where routes do not say otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutingConfig {
    /// A TOML file of routes, read again when it changes (docs/routing.md). With it the admin API shows routes, and
    /// changes none.
    pub routes: Option<PathBuf>,
    /// Most attempts for one call, the first among them; 1 to 8.
    pub attempts: u8,
    /// Longest wait of one attempt for the first event of a stream, milliseconds.
    pub first_event_ms: u64,
    /// Longest wait of one attempt for a whole answer, milliseconds; the request's own time holds besides.
    pub attempt_ms: u64,
    /// Shortest pause before a target is tried again, milliseconds; doubled each time, and drawn at random below that.
    pub backoff_ms: u64,
    /// Longest such pause, milliseconds.
    pub max_backoff_ms: u64,
    /// Failures in a row after which a target is left alone.
    pub breaker_failures: u32,
    /// For how long at first, milliseconds; doubled each time it still fails.
    pub breaker_ms: u64,
    /// For how long at most, milliseconds.
    pub max_breaker_ms: u64,
    /// Retries that a target has saved up at most; each takes one, and a success brings a tenth of one back.
    pub retry_budget: u32,
}

impl Default for RoutingConfig {
    fn default() -> Self {
        Self {
            routes: None,
            attempts: 3,
            first_event_ms: 30_000,
            attempt_ms: 300_000,
            backoff_ms: 50,
            max_backoff_ms: 2_000,
            breaker_failures: 5,
            breaker_ms: 1_000,
            max_breaker_ms: 60_000,
            retry_budget: 100,
        }
    }
}
