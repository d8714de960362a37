//! What is fetched for clients that name media by URL.

use std::num::ParseIntError;

use outcrop_types::{MalformedNetwork, MalformedPattern, Network, Pattern};
use serde::Deserialize;

use super::listed;

/// What is fetched for clients that name pictures and documents by URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaConfig {
    /// Whether pictures and documents that clients name by URL are fetched at all; without it clients send the data
    /// itself.
    pub enabled: bool,
    /// Fetch from `http://` too.
    pub allow_http: bool,
    /// Networks to fetch from although they are not public, separated by commas, e.g. `10.1.0.0/16`. Never the metadata
    /// services of clouds.
    pub allow_networks: Option<String>,
    /// Ports to fetch from besides the usual one, separated by commas.
    pub allow_ports: Option<String>,
    /// The only hosts to fetch from, separated by commas, `*` for any part, e.g. `*.example.com`; any public host if absent.
    pub allow_hosts: Option<String>,
    /// Hosts never to fetch from, written alike.
    pub deny_hosts: Option<String>,
    /// Most bytes fetched for one request, all its media together.
    pub max_bytes: usize,
    /// How long all media of one request may take, milliseconds.
    pub timeout_ms: u64,
    /// Most URLs in one request.
    pub max_links: usize,
    /// The `s3://` URLs that clients may name and Bedrock then reads with the platform's own rights, separated by
    /// commas, e.g. `s3://bucket/prefix/*`; none if absent.
    pub s3_allow: Option<String>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allow_http: false,
            allow_networks: None,
            allow_ports: None,
            allow_hosts: None,
            deny_hosts: None,
            max_bytes: 20 * 1024 * 1024,
            timeout_ms: 10_000,
            max_links: 20,
            s3_allow: None,
        }
    }
}

impl MediaConfig {
    /// The networks of [`allow_networks`](Self::allow_networks).
    ///
    /// # Errors
    /// One of them is none.
    pub fn networks(&self) -> Result<Vec<Network>, MalformedNetwork> {
        listed(self.allow_networks.as_deref()).map(str::parse).collect()
    }

    /// The ports of [`allow_ports`](Self::allow_ports).
    ///
    /// # Errors
    /// One of them is none.
    pub fn ports(&self) -> Result<Vec<u16>, ParseIntError> {
        listed(self.allow_ports.as_deref()).map(str::parse).collect()
    }

    /// The patterns of [`allow_hosts`](Self::allow_hosts), in small letters.
    ///
    /// # Errors
    /// One of them is none.
    pub fn allowed_hosts(&self) -> Result<Vec<Pattern>, MalformedPattern> {
        hosts(self.allow_hosts.as_deref())
    }

    /// The patterns of [`deny_hosts`](Self::deny_hosts), in small letters.
    ///
    /// # Errors
    /// One of them is none.
    pub fn denied_hosts(&self) -> Result<Vec<Pattern>, MalformedPattern> {
        hosts(self.deny_hosts.as_deref())
    }

    /// The patterns of [`s3_allow`](Self::s3_allow).
    ///
    /// # Errors
    /// One of them is none.
    pub fn s3_patterns(&self) -> Result<Vec<Pattern>, MalformedPattern> {
        listed(self.s3_allow.as_deref()).map(str::parse).collect()
    }
}

fn hosts(text: Option<&str>) -> Result<Vec<Pattern>, MalformedPattern> {
    listed(text).map(|entry| entry.to_ascii_lowercase().parse()).collect()
}
