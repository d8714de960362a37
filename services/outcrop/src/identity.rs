//! The auth service's operations on these settings: for the platform in one process, and for the shell.

use std::sync::Arc;

use outcrop_auth::{AuthOptions, AuthPorts, AuthService, Federation};
use outcrop_config::Config;
use outcrop_ports::{Changes, Limiter};
use outcrop_wiring::Stores;
use secrecy::ExposeSecret;

use crate::failure::Failure;

/// Puts the service together. The settings' secrets must be resolved.
pub(crate) async fn auth_service(
    config: &Config,
    stores: &Stores,
    changes: Arc<dyn Changes>,
    limiter: Arc<dyn Limiter>,
) -> Result<AuthService, Failure> {
    let ports = AuthPorts {
        keys: stores.keys.clone(),
        users: stores.users.clone(),
        teams: stores.teams.clone(),
        accounts: stores.accounts.clone(),
        sessions: stores.sessions.clone(),
        signing_keys: stores.signing_keys.clone(),
        policies: stores.policies.clone(),
        prompts: stores.prompts.clone(),
        audit: stores.audit.clone(),
        changes,
        limiter,
        local_limiter: outcrop_wiring::local_limiter(),
        outbound: outcrop_wiring::outbound(config),
        clock: outcrop_wiring::clock(),
        ids: outcrop_wiring::ids(),
    };
    let auth = AuthService::new(ports, options(config).await?);
    auth.check_signing_key().map_err(|error| Failure::from_error(&error))?;
    Ok(auth)
}

async fn options(config: &Config) -> Result<AuthOptions, Failure> {
    let federation = match outcrop_wiring::federation(config).await? {
        Some(text) => Federation::parse(text.expose_secret())
            .map_err(|error| setting(&format!("`auth.federation`: {error}")))?,
        None => Federation::default(),
    };
    let secret = outcrop_wiring::key_secret(config)?;
    AuthOptions::new(config, secret, federation).map_err(|error| setting(&error.to_string()))
}

fn setting(line: &str) -> Failure {
    outcrop_wiring::WiringError::setting(line.to_owned()).into()
}
