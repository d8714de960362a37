//! How the service behaves.

use std::time::Duration;

use outcrop_config::{Config, StaticKey, StaticKeysError, TokenAlgorithm};
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
    /// Whether that address is set. If not, it is one that every machine has, and says nothing of whom a token is for.
    pub public_url_is_set: bool,
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
    /// Keys with names.
    pub static_keys: Vec<StaticKey>,
    /// What their bearers are whose keys do not say it.
    pub static_role: Role,
    /// Outside issuers and AWS roles.
    pub federation: Federation,
    /// What the signed header of an AWS login must say; not empty where AWS roles may log in.
    pub server_id: String,
    /// Where AWS logins are checked in place of AWS STS itself.
    pub sts_url: Option<String>,
}

/// Settings that do not go together. Each line names those at fault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The server's secret is no good.
    #[error("`auth.key_secret`: {source}")]
    KeySecret {
        /// Why.
        #[from]
        source: KeySecretTooShort,
    },
    /// AWS logins need a name of this server, or those made for another one would be good here too.
    #[error(
        "`auth.federation` has `aws_roles`, whose logins are signed for one server: set `auth.server_id` or \
         `server.public_url`"
    )]
    NoServerId,
    /// The keys with names do not read.
    #[error("`auth.static_keys`: {source}")]
    StaticKeys {
        /// Why.
        #[from]
        source: StaticKeysError,
    },
}

impl AuthOptions {
    /// From settings, the server's secret (at least 32 bytes) and the federation file as it was read.
    pub fn new(config: &Config, secret: SecretString, federation: Federation) -> Result<Self, OptionsError> {
        let auth = &config.auth;
        // The table of settings lets no other word through.
        let static_role = auth.static_key_role.parse().unwrap_or(Role::Viewer);
        let seconds = Duration::from_secs;
        let server_id = auth.server_id.as_ref().or(config.server.public_url.as_ref());
        let server_id = server_id.filter(|id| !id.is_empty()).cloned();
        if server_id.is_none() && !federation.aws_roles.is_empty() {
            return Err(OptionsError::NoServerId);
        }
        Ok(Self {
            hasher: KeyHasher::new(secret.expose_secret().as_bytes())?,
            audit_sealer: AuditSealer::new(secret.expose_secret().as_bytes())?,
            secret,
            public_url: config.server.public_url(),
            public_url_is_set: config.server.public_url.is_some(),
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
            static_keys: auth.static_keys.as_ref().map(StaticKey::read).transpose()?.unwrap_or_default(),
            static_role,
            federation,
            server_id: server_id.unwrap_or_default(),
            sts_url: auth.sts_url.clone(),
        })
    }

    /// The address of the MCP server: what its clients ask for a token for (RFC 8707).
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("{}/mcp", self.public_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut Config), federation: &str) -> Result<AuthOptions, OptionsError> {
        let mut config = Config::default();
        change(&mut config);
        let secret = "a secret of the server's, for tests only".into();
        AuthOptions::new(&config, secret, Federation::parse(federation).unwrap())
    }

    #[test]
    fn aws_logins_need_a_name_of_this_server() {
        let roles = r#"
            [[aws_roles]]
            arn = "arn:aws:iam::123456789012:role/app"
            team = "default"
            role = "service"
        "#;
        for set in [|_: &mut Config| {}, |it: &mut Config| it.auth.server_id = Some(String::new())] {
            let error = options(set, roles).err().unwrap();
            assert_eq!(error, OptionsError::NoServerId);
            let line = error.to_string();
            assert!(line.contains("`auth.server_id`") && line.contains("`server.public_url`"), "{line}");
        }
        assert!(options(|_| {}, "").is_ok(), "without AWS roles nothing is signed for anybody");
        let named = |it: &mut Config| it.auth.server_id = Some("prod".into());
        assert_eq!(options(named, roles).ok().unwrap().server_id, "prod");
        let public = |it: &mut Config| it.server.public_url = Some("https://ai.example.com".into());
        assert_eq!(options(public, roles).ok().unwrap().server_id, "https://ai.example.com");
    }

    #[test]
    fn a_secret_that_is_too_short_is_told_by_its_setting() {
        let made = AuthOptions::new(&Config::default(), "short".into(), Federation::default());
        assert!(made.err().unwrap().to_string().starts_with("`auth.key_secret`"));
    }
}
