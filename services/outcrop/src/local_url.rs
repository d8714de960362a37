//! Where the server of these settings is, seen from this machine.

use std::net::{IpAddr, SocketAddr};

use outcrop_config::Config;

use crate::welcome::base_url;

/// Base URL without a slash at its end.
pub(crate) fn local_url(config: &Config) -> String {
    match config.server.host.parse::<IpAddr>() {
        Ok(ip) => base_url(SocketAddr::new(ip, config.server.port)),
        Err(_) => format!("http://{}:{}", config.server.host, config.server.port),
    }
}
