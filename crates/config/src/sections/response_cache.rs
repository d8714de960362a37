//! How answers are kept and given again.

use std::fmt;

use serde::Deserialize;

use crate::show::without_password;

/// How answers are kept and given again. Whose are is for policies, routes and requests to say.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseCacheConfig {
    /// Where answers are kept: `memory://`, `redis://…`, `rediss://…`; absent, as `cache.url` says. A password stands in the
    /// URL, so that all of it may be a secret (`secretsmanager://…`). A Redis of their own may push out what is least lately
    /// used (`allkeys-lru`); the one that has the counters must not.
    pub url: Option<String>,
    /// Whether any answer is kept at all; whose are is for policies, routes and requests to say (docs/caching.md).
    pub enabled: bool,
    /// How long, where nobody says, seconds.
    pub ttl_s: u32,
    /// Longest time that anybody may say, seconds.
    pub max_ttl_s: u32,
    /// Largest answer that is kept, bytes, before compression.
    pub max_entry_bytes: usize,
    /// Most memory for answers in one process, bytes, where they are kept in memory.
    pub max_bytes: usize,
    /// Answers of this size or larger are compressed, bytes.
    pub compress_from_bytes: usize,
}

impl fmt::Debug for ResponseCacheConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, enabled, ttl_s, max_ttl_s, max_entry_bytes, max_bytes, compress_from_bytes } = self;
        f.debug_struct("ResponseCacheConfig")
            .field("url", &url.as_deref().map(without_password))
            .field("enabled", enabled)
            .field("ttl_s", ttl_s)
            .field("max_ttl_s", max_ttl_s)
            .field("max_entry_bytes", max_entry_bytes)
            .field("max_bytes", max_bytes)
            .field("compress_from_bytes", compress_from_bytes)
            .finish()
    }
}

impl Default for ResponseCacheConfig {
    fn default() -> Self {
        Self {
            url: None,
            enabled: true,
            ttl_s: 300,
            max_ttl_s: 7 * 24 * 3_600,
            max_entry_bytes: 1 << 20,
            max_bytes: 128 << 20,
            compress_from_bytes: 4 << 10,
        }
    }
}
