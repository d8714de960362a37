//! The other services, when they run apart. Each may be away now and come back later.

use std::sync::Arc;
use std::time::Duration;

use outcrop_client::{ClientError, HttpAuthenticator, HttpInference, HttpProbe};
use outcrop_config::Config;
use outcrop_ports::{Authenticator, Inference, Probe};
use outcrop_token::InternalSigner;

use crate::error::chain;
use crate::{WiringError, clock};

/// The auth service at `services.auth`, asked in the name of `service`.
pub fn authenticator(
    config: &Config,
    service: &str,
    signer: Arc<InternalSigner>,
) -> Result<Arc<dyn Authenticator>, WiringError> {
    HttpAuthenticator::new(&config.services.auth, service, connect_timeout(config), signer, clock())
        .map(|client| Arc::new(client) as Arc<dyn Authenticator>)
        .map_err(|error| wrong("services.auth", &error))
}

/// The inference service at `services.inference`.
pub fn inference(config: &Config, signer: Arc<InternalSigner>) -> Result<Arc<dyn Inference>, WiringError> {
    HttpInference::new(&config.services.inference, connect_timeout(config), signer, clock())
        .map(|client| Arc::new(client) as Arc<dyn Inference>)
        .map_err(|error| wrong("services.inference", &error))
}

/// Whether each of the services behind the gateway is alive.
pub fn service_probes(config: &Config) -> Result<Vec<Arc<dyn Probe>>, WiringError> {
    let services = &config.services;
    let named = [
        ("auth", "services.auth", &services.auth),
        ("inference", "services.inference", &services.inference),
        ("jobs", "services.jobs", &services.jobs),
    ];
    let probe = |(name, key, url): (&'static str, &str, &String)| {
        HttpProbe::new(name, url, connect_timeout(config))
            .map(|probe| Arc::new(probe) as Arc<dyn Probe>)
            .map_err(|error| wrong(key, &error))
    };
    named.into_iter().map(probe).collect()
}

fn connect_timeout(config: &Config) -> Duration {
    Duration::from_millis(config.services.connect_timeout_ms)
}

fn wrong(key: &str, error: &ClientError) -> WiringError {
    WiringError::setting(format!("`{key}`: {}", chain(error)))
}
