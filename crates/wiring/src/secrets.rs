//! Secrets: fetched where a setting only refers to one, and turned into what uses them.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use aws_types::SdkConfig;
use outcrop_aws::secrets::SCHEME;
use outcrop_config::Config;
use outcrop_embedded::SystemIdGen;
use outcrop_postgres::CurrentPassword;
use outcrop_token::{InternalSigner, InternalVerifier, Sealer};
use outcrop_types::AuditSealer;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use crate::{WiringError, data_dir, stores};

/// For what the state of MCP requests is sealed.
const MCP_STATE: &str = "state of MCP requests";

/// Settings that refer to secrets in Secrets Manager.
#[must_use]
pub fn references(config: &Config) -> Vec<&'static str> {
    // What is resolved is listed once, where it is changed.
    fields(&mut config.clone()).into_iter().filter(|(_, it)| it.is_reference()).map(|(key, _)| key).collect()
}

/// What the settings hold that nobody may see, to take it out of what is shown. Of a URL that is its password, which has other
/// forms too: those who show one look for it themselves.
#[must_use]
pub fn secrets_of(config: &Config) -> Vec<String> {
    let mut config = config.clone();
    let held = fields(&mut config).into_iter().filter(|(_, it)| matches!(it, Field::Secret(_)));
    held.filter_map(|(_, it)| it.text().map(str::to_owned)).collect()
}

/// Replaces every `secretsmanager://` reference by the secret it stands for. Without one, AWS is not asked.
pub async fn resolve(mut config: Config) -> Result<Config, WiringError> {
    let password = Field::Secret(&mut config.store.password);
    let reference = password.text().filter(|_| password.is_reference()).map(str::to_owned);
    config.store.password_reference = reference;
    let references: Vec<_> = fields(&mut config).into_iter().filter(|(_, it)| it.is_reference()).collect();
    if references.is_empty() {
        return Ok(config);
    }
    let options = outcrop_aws::AwsOptions::default();
    // Boxed, as it is very large for one that runs once.
    let sdk = Box::pin(outcrop_aws::sdk_config(&options)).await;
    for (key, mut field) in references {
        let Some(reference) = field.text() else { continue };
        let fetched = outcrop_aws::secrets::fetch(&sdk, reference)
            .await
            .map_err(|error| WiringError::failed(format!("resolve `{key}`"), &error))?;
        field.set(fetched);
    }
    match config.check().first() {
        None => Ok(config),
        Some(problem) => Err(WiringError::setting(problem.to_string())),
    }
}

/// A setting that may be such a reference.
enum Field<'a> {
    Secret(&'a mut Option<SecretString>),
    /// One with a password in it, and no other setting for that.
    Url(&'a mut Option<String>),
}

impl Field<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Secret(it) => it.as_ref().map(|it| it.expose_secret()),
            Self::Url(it) => it.as_deref(),
        }
    }

    fn is_reference(&self) -> bool {
        self.text().is_some_and(|it| it.starts_with(SCHEME))
    }

    fn set(&mut self, fetched: SecretString) {
        match self {
            Self::Secret(it) => **it = Some(fetched),
            Self::Url(it) => **it = Some(fetched.expose_secret().to_owned()),
        }
    }
}

/// Every one of them.
fn fields(config: &mut Config) -> [(&'static str, Field<'_>); 12] {
    use Field::{Secret, Url};
    [
        ("store.password", Secret(&mut config.store.password)),
        ("cache.password", Secret(&mut config.cache.password)),
        ("response_cache.url", Url(&mut config.response_cache.url)),
        ("auth.key_secret", Secret(&mut config.auth.key_secret)),
        ("auth.signing_key", Secret(&mut config.auth.signing_key)),
        ("auth.static_key", Secret(&mut config.auth.static_key)),
        ("auth.static_keys", Secret(&mut config.auth.static_keys)),
        ("auth.federation", Secret(&mut config.auth.federation)),
        ("alerts.webhook_url", Secret(&mut config.alerts.webhook_url)),
        ("alerts.webhook_secret", Secret(&mut config.alerts.webhook_secret)),
        ("telemetry.otlp_headers", Secret(&mut config.telemetry.otlp_headers)),
        ("internal.secret", Secret(&mut config.internal.secret)),
    ]
}

/// A password in Secrets Manager, by its reference, for those who ask for it again.
pub(crate) struct InSecretsManager {
    reference: String,
    /// Kept, as credentials are kept in it: they take longer to come by than the secret.
    sdk: OnceCell<SdkConfig>,
}

impl InSecretsManager {
    pub(crate) fn new(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), sdk: OnceCell::new() }
    }
}

#[async_trait]
impl CurrentPassword for InSecretsManager {
    async fn current(&self) -> Result<SecretString, Box<dyn Error + Send + Sync>> {
        let options = outcrop_aws::AwsOptions::default();
        // Boxed, as it is very large for one that runs once.
        let sdk =
            self.sdk.get_or_init(|| Box::pin(async move { outcrop_aws::sdk_config(&options).await })).await;
        fetched(sdk, &self.reference).await
    }
}

/// A function of its own: `cargo xtask verify-deploy iam` follows calls of AWS through functions, not through methods.
async fn fetched(sdk: &SdkConfig, reference: &str) -> Result<SecretString, Box<dyn Error + Send + Sync>> {
    Ok(outcrop_aws::secrets::fetch(sdk, reference).await?)
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
    fn whatever_holds_a_secret_may_be_a_reference() {
        let mut config = Config::default();
        config.response_cache.url = Some("secretsmanager://outcrop#answers".to_owned());
        config.telemetry.otlp_headers = Some("secretsmanager://outcrop#headers".into());
        config.cache.password = Some("hunter2".into());
        assert_eq!(references(&config), ["response_cache.url", "telemetry.otlp_headers"]);
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
