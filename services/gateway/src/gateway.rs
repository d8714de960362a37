//! The gateway as one value.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use outcrop_config::Config;
use outcrop_http::{Layer, Origins, SessionCookie};
use outcrop_ports::{Authenticator, Changes, Clock};
use tokio_util::sync::CancellationToken;

use crate::credential::Reader;
use crate::mcp::Door;
use crate::{AuthCache, edge};

/// What the gateway takes for a credential, and how it remembers the answers about them.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// How old a remembered answer may be while changes are not pushed.
    pub cache_ttl: Duration,
    /// How old it may be while they are.
    pub pushed_cache_ttl: Duration,
    /// How long a known credential keeps working while it cannot be checked.
    pub grace: Duration,
    /// Most credentials remembered.
    pub cache_entries: usize,
    /// Whether a static key is configured, so that any text may be one.
    pub accept_static: bool,
    /// The cookie of browsers that are logged in.
    pub cookie: SessionCookie,
    /// Whose pages may use it.
    pub origins: Origins,
    /// Our address for clients.
    pub public_url: String,
}

impl From<&Config> for GatewayOptions {
    fn from(config: &Config) -> Self {
        Self {
            cache_ttl: Duration::from_millis(config.auth.cache_ttl_ms),
            pushed_cache_ttl: Duration::from_millis(config.auth.pushed_cache_ttl_ms),
            grace: Duration::from_millis(config.auth.grace_ms),
            cache_entries: config.auth.cache_entries,
            accept_static: config.auth.static_key.is_some() || config.auth.static_keys.is_some(),
            cookie: SessionCookie::of(&config.server),
            origins: Origins::of(&config.server),
            public_url: config.server.public_url(),
        }
    }
}

/// The public edge, the same in both compositions.
#[derive(Clone)]
pub struct Gateway {
    cache: AuthCache,
    reader: Reader,
    door: Door,
}

impl Gateway {
    /// Believes what `authenticator` says, for as long as the options and the word of `changes` allow.
    #[must_use]
    pub fn new(
        options: GatewayOptions,
        authenticator: Arc<dyn Authenticator>,
        changes: Arc<dyn Changes>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let reader = Reader {
            accept_static: options.accept_static,
            cookie: options.cookie,
            origins: options.origins.clone(),
        };
        let door = Door::new(&options.public_url, options.origins.clone());
        Self { cache: AuthCache::new(options, authenticator, changes, clock), reader, door }
    }

    /// Listens to changes until `stop`. Without it the gateway works, and believes no answer for longer than
    /// `cache_ttl`.
    pub async fn run(&self, stop: CancellationToken) {
        self.cache.run(stop).await;
    }

    /// The layer for [`ServerParts`](outcrop_http::ServerParts): lets in who may come, as whom they are.
    #[must_use]
    pub fn layer(&self) -> Layer {
        edge::layer(self.cache.clone(), self.reader.clone(), self.door.clone())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway(…)")
    }
}
