//! Who is told of budgets that run out.

use secrecy::SecretString;
use serde::Deserialize;

/// Who is told of budgets that run out.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// How often budgets with `alert_at` are held against what was spent, seconds.
    pub interval_s: u64,
    /// Where alerts are sent: `https://…`, or `http://…` on this machine; absent, they are only recorded. Such an
    /// address is often all that it takes to write there, so that it is a secret.
    pub webhook_url: Option<SecretString>,
    /// What signs them (Standard Webhooks): `whsec_` and 24 to 64 bytes in base64.
    pub webhook_secret: Option<SecretString>,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self { interval_s: 60, webhook_url: None, webhook_secret: None }
    }
}
