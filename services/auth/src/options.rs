//! How the service behaves.

use std::time::Duration;

use outcrop_config::{Config, TokenAlgorithm};
use outcrop_types::{AuditSealer, KeyHasher, KeySecretTooShort, Role};
use secrecy::{ExposeSecret, SecretString};

use crate::federation::Federation;

/// How the service behaves; made from settings and the server's secret.
#[derive(Clone)]
pub struct AuthOptions {
    /// Hashes keys and all other secrets we hand out.
    pub hasher: KeyHasher,
    /// Seals the audit log.
    pub audit_sealer: AuditSealer,
    /// What signing keys and login states are encrypted under; keys for each purpose are derived from it.
    pub secret: SecretString,
    /// Our address for clients, without a slash at its end: issuer of tokens, and where browsers come back to.
    pub public_url: String,
    /// Origins besides our own whose pages may log in.
    pub origins: Vec<String>,
    /// For whom access tokens are.
    pub audience: String,
    /// What signs them.
    pub algorithm: TokenAlgorithm,
    /// How long one is good.
    pub access_token_ttl: Duration,
    /// How long a refresh token is good if it is not used.
    pub refresh_token_ttl: Duration,
    /// How long a login lasts.
    pub session_ttl: Duration,
    /// How often the signing key is replaced.
    pub signing_rotation: Duration,
    /// A signing key of the operator's own (PEM), in place of ours.
    pub signing_key: Option<SecretString>,
    /// How long an invitation is good.
    pub invitation_ttl: Duration,
    /// Logins tried for one account in 5 minutes.
    pub attempts_per_account: u32,
    /// Logins tried from one address in 5 minutes.
    pub attempts_per_address: u32,
    /// One key for everybody, and what its bearer is.
    pub static_key: Option<(SecretString, Role)>,
    /// Outside issuers and AWS roles.
    pub federation: Federation,
    /// What the signed header of an AWS login must say.
    pub server_id: String,
    /// Where AWS logins are checked in place of AWS STS itself.
    pub sts_url: Option<String>,
}

impl AuthOptions {
    /// From settings, the server's secret (at least 32 bytes) and the federation file as it was read.
    pub fn new(
        config: &Config,
        secret: SecretString,
        federation: Federation,
    ) -> Result<Self, KeySecretTooShort> {
        let auth = &config.auth;
        // The table of settings lets no other word through.
        let static_role = auth.static_key_role.parse().unwrap_or(Role::Viewer);
        let seconds = Duration::from_secs;
        Ok(Self {
            hasher: KeyHasher::new(secret.expose_secret().as_bytes())?,
            audit_sealer: AuditSealer::new(secret.expose_secret().as_bytes())?,
            secret,
            public_url: config.server.public_url(),
            origins: config.server.origins().map(str::to_owned).collect(),
            audience: auth.audience.clone(),
            algorithm: auth.token_algorithm,
            access_token_ttl: seconds(auth.access_token_ttl_s),
            refresh_token_ttl: seconds(auth.refresh_token_ttl_s),
            session_ttl: seconds(auth.session_ttl_s),
            signing_rotation: seconds(auth.signing_rotation_s),
            signing_key: auth.signing_key.clone(),
            invitation_ttl: seconds(auth.invitation_ttl_s),
            attempts_per_account: auth.login_attempts_per_account,
            attempts_per_address: auth.login_attempts_per_address,
            static_key: auth.static_key.clone().map(|key| (key, static_role)),
            federation,
            server_id: auth
                .server_id
                .clone()
                .or_else(|| config.server.public_url.clone())
                .unwrap_or_else(|| "outcrop".into()),
            sts_url: auth.sts_url.clone(),
        })
    }
}
