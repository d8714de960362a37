//! Telling the webhook, until it has heard.

use std::time::Duration;

use outcrop_ports::PortError;
use outcrop_types::Alert;
use tokio::task::{JoinError, JoinSet};

use crate::LedgerUpkeep;

/// Alerts taken at once, and for how long: longer than telling all of them takes at most.
const BATCH: usize = 10;
const LEASE: Duration = Duration::from_secs(300);

/// How often what is to be told is looked for.
pub(crate) const TELLING: Duration = Duration::from_secs(5);
/// Most that are told at once.
const AT_ONCE: usize = 4;

/// Pauses between attempts, seconds: a little more than a day in all.
const PAUSES_S: [i64; 7] = [5, 300, 1_800, 7_200, 18_000, 36_000, 25_200];

impl LedgerUpkeep {
    /// Tells what is to be told now.
    pub(crate) async fn tell_alerts(&self) -> Result<(), PortError> {
        if self.options.webhook.is_none() {
            return Ok(());
        }
        loop {
            let claimed = self.ports.alerts.claim_alerts(self.ports.clock.now(), LEASE, BATCH).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let (mut telling, mut failed) = (JoinSet::new(), None);
            for (alert, tried) in claimed {
                if telling.len() >= AT_ONCE {
                    failed = failed.or(outcome(telling.join_next().await));
                }
                let this = self.clone();
                telling.spawn(async move { this.tell(&alert, tried).await });
            }
            while !telling.is_empty() {
                failed = failed.or(outcome(telling.join_next().await));
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
    }

    async fn tell(&self, alert: &Alert, tried: u32) -> Result<(), PortError> {
        let Some(webhook) = &self.options.webhook else { return Ok(()) };
        let request = webhook.request(alert, self.ports.clock.now());
        let why = match self.ports.outbound.send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                return self.ports.alerts.alert_told(alert.id, Some(self.ports.clock.now())).await;
            }
            // Redirects are not followed: whoever is told is who was named.
            Ok(answer) => format!("it answered {}", answer.status),
            Err(error) => error.chain(),
        };
        match PAUSES_S.get(tried as usize) {
            Some(pause) => {
                tracing::warn!(alert.id = %alert.id, error = why, retry_in_s = pause, "an alert could not be told");
                let next = self.ports.clock.now() + chrono::Duration::seconds(*pause);
                self.ports.alerts.alert_failed(alert.id, next).await
            }
            None => {
                tracing::error!(alert.id = %alert.id, error = why, "an alert could not be told for a day, and is given up");
                self.ports.alerts.alert_told(alert.id, None).await
            }
        }
    }
}

/// Why the store could not be told how one went.
fn outcome(ended: Option<Result<Result<(), PortError>, JoinError>>) -> Option<PortError> {
    match ended? {
        Ok(told) => told.err(),
        Err(error) => Some(PortError::broken("tell of an alert", error)),
    }
}
