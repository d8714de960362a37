//! What work that can wait needs besides rows, queue and blobs.

use std::sync::Arc;
use std::time::Duration;

use outcrop_bedrock::BedrockBatches;
use outcrop_client::{GuardedOutbound, HttpJobDesk, OutboundRules};
use outcrop_config::Config;
use outcrop_ports::{BatchModels, JobDesk, Outbound};
use outcrop_token::Sealer;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::places::{Reached, reach};
use crate::secrets::{key_secret, signer};
use crate::{WiringError, clock};

/// For what the secrets of endpoints are sealed.
const PURPOSE: &str = "webhook secrets";

/// Bedrock's batch inference, where settings name the role it takes and files lie in S3. Where models are emulated in this
/// process, it is an emulator of its own, as long as the process lives: jobs have nothing in common with calls.
pub async fn batch_models(config: &Config) -> Result<Option<Arc<dyn BatchModels>>, WiringError> {
    let in_s3 = config.blobs.url.as_deref().is_some_and(|it| it.starts_with("s3://"));
    let Some(role) = config.ways.batch_role.clone().filter(|_| in_s3) else { return Ok(None) };
    let Reached { places, .. } = reach(config, CancellationToken::new()).await?;
    Ok(Some(Arc::new(BedrockBatches::new(places, role))))
}

/// The way to endpoints of teams: what the section `webhooks` allows. Nothing is connected to before there is something to
/// tell.
pub fn webhook_outbound(config: &Config) -> Result<Arc<dyn Outbound>, WiringError> {
    let allow_networks = config
        .webhooks
        .networks()
        .map_err(|error| WiringError::setting(format!("`webhooks.allow_networks`: {error}")))?;
    let rules = OutboundRules { allow_http: config.webhooks.allow_http, allow_networks };
    Ok(Arc::new(GuardedOutbound::new(rules)))
}

/// What encrypts the secrets of endpoints, made of [`key_secret`].
pub fn secret_sealer(config: &Config) -> Result<Sealer, WiringError> {
    Sealer::new(key_secret(config)?.expose_secret().as_bytes(), PURPOSE)
        .map_err(|error| WiringError::setting(format!("`auth.key_secret`: {error}")))
}

/// The desk of the job worker at `services.jobs`, asked by `service` on behalf of others.
pub fn job_desk(config: &Config, service: &str) -> Result<Arc<dyn JobDesk>, WiringError> {
    let signer = Arc::new(signer(config, service)?);
    let connect_timeout = Duration::from_millis(config.services.connect_timeout_ms);
    let desk = HttpJobDesk::new(&config.services.jobs, connect_timeout, signer, clock())
        .map_err(|error| WiringError::setting(format!("`services.jobs`: {error}")))?;
    Ok(Arc::new(desk))
}
