//! How large and how long a request may be.

use std::time::Duration;

use outcrop_config::ServerConfig;

/// The bounds of every request of a server; handlers find them in the app's data.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Largest body, bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of a JSON body.
    pub max_json_depth: usize,
    /// From arrival to the first byte of the answer.
    pub request_timeout: Duration,
    /// Longest wait for the next piece of a body.
    pub body_stall: Duration,
}

/// A client that sends nothing for this long in the middle of a body has gone.
const BODY_STALL: Duration = Duration::from_secs(30);

impl From<&ServerConfig> for Bounds {
    fn from(config: &ServerConfig) -> Self {
        Self {
            max_body_bytes: config.max_body_bytes,
            max_json_depth: config.max_json_depth,
            request_timeout: Duration::from_millis(config.request_timeout_ms),
            body_stall: BODY_STALL,
        }
    }
}

impl Default for Bounds {
    /// Those of the default settings.
    fn default() -> Self {
        Self::from(&ServerConfig::default())
    }
}
