//! What is fetched for clients.

use std::fmt::Display;
use std::sync::Arc;

use outcrop_client::{HttpMediaFetcher, MediaRules};
use outcrop_config::Config;
use outcrop_ports::MediaFetcher;

use crate::WiringError;

/// Fetches what the section `media` allows. Nothing is connected to before a client names a URL.
pub fn media(config: &Config) -> Result<Arc<dyn MediaFetcher>, WiringError> {
    let media = &config.media;
    let rules = MediaRules {
        enabled: media.enabled,
        allow_http: media.allow_http,
        allow_networks: read("allow_networks", media.networks())?,
        allow_ports: read("allow_ports", media.ports())?,
        allow_hosts: read("allow_hosts", media.allowed_hosts())?,
        deny_hosts: read("deny_hosts", media.denied_hosts())?,
    };
    Ok(Arc::new(HttpMediaFetcher::new(rules)))
}

fn read<T, E: Display>(field: &str, value: Result<T, E>) -> Result<T, WiringError> {
    value.map_err(|error| WiringError::setting(format!("`media.{field}`: {error}")))
}
