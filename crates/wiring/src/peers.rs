//! The other services, when they run apart. Each may be away now and come back later.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_client::{ClientError, HttpAuthenticator, HttpInference, HttpOutbound};
use outcrop_config::Config;
use outcrop_ports::{Authenticator, Inference, Outbound, PortError, Probe};
use tokio::net::TcpStream;

use crate::secrets::signer;
use crate::{WiringError, clock};

/// The auth service at `services.auth`, asked in the name of `service`.
pub fn authenticator(config: &Config, service: &str) -> Result<Arc<dyn Authenticator>, WiringError> {
    let signer = Arc::new(signer(config, service)?);
    let client =
        HttpAuthenticator::new(&config.services.auth, service, connect_timeout(config), signer, clock())
            .map_err(|error| wrong("services.auth", &error))?;
    Ok(Arc::new(client))
}

/// The inference service at `services.inference`, called by `service` on behalf of others.
pub fn inference(config: &Config, service: &str) -> Result<Arc<dyn Inference>, WiringError> {
    let signer = Arc::new(signer(config, service)?);
    let client = HttpInference::new(&config.services.inference, connect_timeout(config), signer, clock())
        .map_err(|error| wrong("services.inference", &error))?;
    Ok(Arc::new(client))
}

/// The way to servers that are not ours: identity providers, STS.
#[must_use]
pub fn outbound(config: &Config) -> Arc<dyn Outbound> {
    Arc::new(HttpOutbound::new(connect_timeout(config)))
}

/// A probe, and whether the process is useless without what it asks.
pub type RankedProbe = (Arc<dyn Probe>, bool);

/// Probes of the services behind the gateway, and whether it is useless without them. It is not: a gateway that
/// called itself unready because one of them is away would take the others' paths, and known keys, with it.
pub fn services(config: &Config) -> Result<Vec<RankedProbe>, WiringError> {
    let services = &config.services;
    let probe = |name, url| -> Result<RankedProbe, WiringError> {
        Ok((Arc::new(ServiceProbe::new(name, url)?), false))
    };
    Ok(vec![
        probe("auth", &services.auth)?,
        probe("inference", &services.inference)?,
        probe("jobs", &services.jobs)?,
    ])
}

fn connect_timeout(config: &Config) -> Duration {
    Duration::from_millis(config.services.connect_timeout_ms)
}

fn wrong(key: &str, error: &ClientError) -> WiringError {
    WiringError::setting(format!("`{key}`: {}", crate::error::chain(error)))
}

/// Whether a service takes connections.
struct ServiceProbe {
    name: &'static str,
    /// `host:port`.
    address: String,
}

impl ServiceProbe {
    fn new(name: &'static str, url: &str) -> Result<Self, WiringError> {
        let address = address(url).ok_or_else(|| {
            WiringError::setting(format!("`services.{name}` must be an http:// or https:// address"))
        })?;
        Ok(Self { name, address })
    }
}

#[async_trait]
impl Probe for ServiceProbe {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn probe(&self) -> Result<(), PortError> {
        match TcpStream::connect(&self.address).await {
            Ok(_) => Ok(()),
            Err(error) => Err(PortError::unavailable(format!("connect to the {} service", self.name), error)),
        }
    }
}

/// `host:port` of a base URL.
fn address(url: &str) -> Option<String> {
    let (rest, default_port) = match url.split_once("://")? {
        ("http", rest) => (rest, 80),
        ("https", rest) => (rest, 443),
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.rsplit('@').next()?;
    // The colons within an IPv6 address stand before the bracket.
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    match authority {
        "" => None,
        _ if has_port => Some(authority.to_owned()),
        _ => Some(format!("{authority}:{default_port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_urls() {
        for (url, expected) in [
            ("http://auth:8081", Some("auth:8081")),
            ("http://auth/", Some("auth:80")),
            ("https://auth.internal/x", Some("auth.internal:443")),
            ("http://[::1]:81", Some("[::1]:81")),
            ("http://[::1]", Some("[::1]:80")),
            ("ftp://auth", None),
            ("http://", None),
        ] {
            assert_eq!(address(url).as_deref(), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn a_probe_tells_whether_somebody_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let probe = ServiceProbe::new("auth", &format!("http://{}", listener.local_addr().unwrap())).unwrap();
        assert!(probe.probe().await.is_ok());
        drop(listener);
        assert!(probe.probe().await.is_err());
    }
}
