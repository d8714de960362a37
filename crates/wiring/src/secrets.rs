//! Secrets: fetched where a setting only refers to one, and turned into what uses them.

use std::time::Duration;

use outcrop_aws::secrets::SCHEME;
use outcrop_config::Config;
use outcrop_embedded::SystemIdGen;
use outcrop_token::{InternalSigner, InternalVerifier, Sealer};
use outcrop_types::AuditSealer;
use secrecy::{ExposeSecret, SecretString};

use crate::{WiringError, data_dir, stores};

/// For what the state of MCP requests is sealed.
const MCP_STATE: &str = "state of MCP requests";

/// Settings that refer to secrets in Secrets Manager.
#[must_use]
pub fn references(config: &Config) -> Vec<&'static str> {
    // What is resolved is listed once, where it is changed.
    fields(&mut config.clone())
        .into_iter()
        .filter(|(_, it)| is_reference(it.as_ref()))
        .map(|(key, _)| key)
        .collect()
}

/// What the settings hold that nobody may see, to take it out of what is shown.
#[must_use]
pub fn secrets_of(config: &Config) -> Vec<String> {
    let mut config = config.clone();
    let held = fields(&mut config).into_iter().filter_map(|(_, secret)| secret.as_ref());
    held.map(|secret| secret.expose_secret().to_owned()).collect()
}

/// Replaces every `secretsmanager://` reference by the secret it stands for. Without one, AWS is not asked.
pub async fn resolve(mut config: Config) -> Result<Config, WiringError> {
    let fields = fields(&mut config);
    let references: Vec<_> = fields.into_iter().filter(|(_, secret)| is_reference(secret.as_ref())).collect();
    if references.is_empty() {
        return Ok(config);
    }
    let sdk = outcrop_aws::sdk_config(&outcrop_aws::AwsOptions::default()).await;
    for (key, secret) in references {
        let Some(reference) = secret.as_ref() else { continue };
        let fetched = outcrop_aws::secrets::fetch(&sdk, reference.expose_secret())
            .await
            .map_err(|error| WiringError::failed(format!("resolve `{key}`"), &error))?;
        *secret = Some(fetched);
    }
    match config.check().first() {
        None => Ok(config),
        Some(problem) => Err(WiringError::setting(problem.to_string())),
    }
}

/// Every setting that may be such a reference.
fn fields(config: &mut Config) -> [(&'static str, &mut Option<SecretString>); 10] {
    [
        ("store.password", &mut config.store.password),
        ("cache.password", &mut config.cache.password),
        ("auth.key_secret", &mut config.auth.key_secret),
        ("auth.signing_key", &mut config.auth.signing_key),
        ("auth.static_key", &mut config.auth.static_key),
        ("auth.static_keys", &mut config.auth.static_keys),
        ("auth.federation", &mut config.auth.federation),
        ("alerts.webhook_url", &mut config.alerts.webhook_url),
        ("alerts.webhook_secret", &mut config.alerts.webhook_secret),
        ("internal.secret", &mut config.internal.secret),
    ]
}

fn is_reference(secret: Option<&SecretString>) -> bool {
    secret.is_some_and(|it| it.expose_secret().starts_with(SCHEME))
}

/// The server's secret: API keys are hashed under it, signing keys encrypted and the audit log sealed. Beside a
/// SQLite store it may be absent from the settings: it is then made and kept in the data folder. Replicas on one
/// Postgres must share it, so there it must be set.
pub fn key_secret(config: &Config) -> Result<SecretString, WiringError> {
    match &config.auth.key_secret {
        Some(secret) => Ok(secret.clone()),
        None if stores::is_sqlite(config) => data_dir::key_secret(config, &SystemIdGen),
        None => Err(WiringError::setting(
            "`auth.key_secret` must be set when `store.url` is Postgres, so that all replicas hash keys alike",
        )),
    }
}

/// What seals the audit log, made of [`key_secret`].
pub fn audit_sealer(config: &Config) -> Result<AuditSealer, WiringError> {
    AuditSealer::new(key_secret(config)?.expose_secret().as_bytes())
        .map_err(|error| WiringError::setting(format!("`auth.key_secret`: {error}")))
}

/// What seals that which MCP clients carry from one request to the next: made of `auth.key_secret`, and where that is not set,
/// of what services which run apart share. All replicas open what one of them sealed.
pub fn mcp_sealer(config: &Config) -> Result<Sealer, WiringError> {
    let secret = match (&config.auth.key_secret, &config.internal.secret) {
        (None, Some(shared)) => shared.clone(),
        _ => key_secret(config)?,
    };
    Sealer::new(secret.expose_secret().as_bytes(), MCP_STATE)
        .map_err(|error| WiringError::setting(format!("`auth.key_secret` or `internal.secret`: {error}")))
}

/// What signs the identity header of this service's calls to others.
pub fn signer(config: &Config, service: &str) -> Result<InternalSigner, WiringError> {
    let ttl = Duration::from_secs(config.internal.ttl_s);
    InternalSigner::new(service, internal_secret(config)?, ttl)
        .map_err(|error| WiringError::setting(format!("`internal.secret`: {error}")))
}

/// What checks the identity header of other services' calls to this one.
pub fn verifier(config: &Config) -> Result<InternalVerifier, WiringError> {
    InternalVerifier::new(internal_secret(config)?)
        .map_err(|error| WiringError::setting(format!("`internal.secret`: {error}")))
}

/// The secret that services which run apart share.
pub fn internal_secret(config: &Config) -> Result<&SecretString, WiringError> {
    config.internal.secret.as_ref().ok_or_else(|| {
        WiringError::setting(
            "`internal.secret` must be set, to the same value for all services that run apart",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_references_nothing_is_asked() {
        let mut config = Config::default();
        config.store.password = Some("hunter2".into());
        let resolved = resolve(config).await.unwrap();
        assert_eq!(resolved.store.password.unwrap().expose_secret(), "hunter2");
    }

    #[test]
    fn replicas_on_postgres_must_be_given_their_secret() {
        let mut config = Config::default();
        config.store.url = Some("postgres://o@db/o".into());
        let error = key_secret(&config).unwrap_err();
        assert!(error.is_setting() && error.to_string().contains("`auth.key_secret`"), "{error}");
    }

    #[test]
    fn services_apart_must_be_given_their_secret() {
        let error = signer(&Config::default(), "gateway").unwrap_err();
        assert!(error.is_setting() && error.to_string().contains("`internal.secret`"), "{error}");
        let mut config = Config::default();
        config.internal.secret = Some("s".repeat(32).into());
        assert!(signer(&config, "gateway").is_ok() && verifier(&config).is_ok());
    }
}
