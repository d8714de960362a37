//! The gateway as one value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use outcrop_config::{AuthConfig, Config};
use outcrop_http::Layer;
use outcrop_ports::{Authenticator, Clock};

use crate::{AuthCache, edge};

/// How the gateway remembers credentials.
#[derive(Debug, Clone, Copy)]
pub struct GatewayOptions {
    /// How old a remembered answer may be.
    pub cache_ttl: Duration,
    /// How long a known credential keeps working while it cannot be checked.
    pub grace: Duration,
    /// Most credentials remembered.
    pub cache_entries: usize,
}

impl From<&AuthConfig> for GatewayOptions {
    fn from(config: &AuthConfig) -> Self {
        Self {
            cache_ttl: Duration::from_millis(config.cache_ttl_ms),
            grace: Duration::from_millis(config.grace_ms),
            cache_entries: config.cache_entries,
        }
    }
}

impl From<&Config> for GatewayOptions {
    fn from(config: &Config) -> Self {
        Self::from(&config.auth)
    }
}

/// The public edge, the same in both compositions.
#[derive(Clone)]
pub struct Gateway {
    cache: AuthCache,
}

impl Gateway {
    /// Believes what `authenticator` says, for as long as the options allow.
    #[must_use]
    pub fn new(
        options: GatewayOptions,
        authenticator: Arc<dyn Authenticator>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { cache: AuthCache::new(options, authenticator, clock) }
    }

    /// The layer for [`ServerParts`](outcrop_http::ServerParts): lets in who may come, as whom they are.
    #[must_use]
    pub fn layer(&self) -> Layer {
        edge::layer(self.cache.clone())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway(…)")
    }
}
