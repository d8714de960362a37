//! How the upkeep behaves.

use std::time::Duration;

use outcrop_config::Config;

pub use crate::alerts::Webhook;

/// How the upkeep behaves.
#[derive(Debug)]
pub struct UpkeepOptions {
    /// Whole months that records are kept beside the present one; 0 keeps all.
    pub retention_months: u32,
    /// How often budgets are held against what was spent.
    pub alert_interval: Duration,
    /// How many teams metrics have names for.
    pub top_teams: usize,
    /// Who is told, if anybody.
    pub webhook: Option<Webhook>,
}

/// A secret that signs nothing.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("`alerts.webhook_secret` is not `whsec_` and 24 to 64 bytes in base64")]
pub struct UnfitWebhook;

impl TryFrom<&Config> for UpkeepOptions {
    type Error = UnfitWebhook;

    /// The settings' secrets must be resolved.
    fn try_from(config: &Config) -> Result<Self, UnfitWebhook> {
        let alerts = &config.alerts;
        let webhook = match (&alerts.webhook_url, &alerts.webhook_secret) {
            (Some(url), Some(secret)) => Some(Webhook::new(url.clone(), secret).ok_or(UnfitWebhook)?),
            (Some(_), None) => return Err(UnfitWebhook),
            (None, _) => None,
        };
        Ok(Self {
            retention_months: config.usage.retention_months,
            alert_interval: Duration::from_secs(alerts.interval_s.max(1)),
            top_teams: config.metrics.top_teams,
            webhook,
        })
    }
}
