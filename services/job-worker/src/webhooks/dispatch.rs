//! The loop that makes deliveries and has them told.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{DeliveryTerms, PortError};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

/// Deliveries that one process tells at once.
const AT_ONCE: usize = 32;
/// Deliveries to one endpoint that are under way at once, over all processes: one that never answers takes no more than
/// these.
const AT_ONCE_PER_ENDPOINT: usize = 4;
/// Events looked at in one transaction.
const EVENTS: usize = 200;
/// How much longer than telling takes at most a claim holds.
const SPARE: Duration = Duration::from_secs(30);
/// How long to leave a broken store alone.
const PAUSE: Duration = Duration::from_secs(2);
/// How often old deliveries are removed, hours, and how many in one transaction.
const FORGETTING_H: i64 = 1;
const FORGOTTEN_AT_ONCE: usize = 1_000;

impl JobWorker {
    /// Makes deliveries of events and tells them, until told to stop; what is under way then is told to its end.
    pub(crate) async fn tell_endpoints(self, stop: CancellationToken) {
        let interval = Duration::from_millis(self.options.webhooks.interval_ms.max(1));
        let (mut telling, mut away, mut forgotten) = (JoinSet::new(), false, None);
        while !stop.is_cancelled() {
            let round = self.round(&mut telling, &mut forgotten).await;
            let pause = if round.is_ok() { interval } else { interval.max(PAUSE) };
            if let Err(error) = &round
                && !away
            {
                tracing::warn!(error = error.chain(), "webhooks cannot be told now");
            }
            away = round.is_err();
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
                // A place is free.
                Some(ended) = telling.join_next(), if !away => note(ended),
            }
        }
        while let Some(ended) = telling.join_next().await {
            note(ended);
        }
    }

    async fn round(
        &self,
        telling: &mut JoinSet<Result<(), PortError>>,
        forgotten: &mut Option<DateTime<Utc>>,
    ) -> Result<(), PortError> {
        while let Some(ended) = telling.try_join_next() {
            note(ended);
        }
        let webhooks = &self.ports.webhooks;
        while webhooks.fan_out_events(&*self.ports.ids, self.moment(), EVENTS).await? == EVENTS {}
        let limit = AT_ONCE - telling.len();
        if limit > 0 {
            let now = self.moment();
            let lease = TimeDelta::from_std(self.telling_timeout() + SPARE).unwrap_or(TimeDelta::MAX);
            let lease_until = now.checked_add_signed(lease).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let terms = DeliveryTerms { now, lease_until, limit, most_per_endpoint: AT_ONCE_PER_ENDPOINT };
            for claimed in webhooks.claim_deliveries(terms).await? {
                let this = self.clone();
                telling.spawn(async move { this.tell(claimed).await });
            }
        }
        self.forget_now_and_then(forgotten).await
    }

    async fn forget_now_and_then(&self, forgotten: &mut Option<DateTime<Utc>>) -> Result<(), PortError> {
        let (now, days) = (self.moment(), self.options.webhooks.keep_days);
        if days == 0 || forgotten.is_some_and(|last| now < last + TimeDelta::hours(FORGETTING_H)) {
            return Ok(());
        }
        let before = now - TimeDelta::days(days.into());
        while self.ports.webhooks.forget_deliveries(before, FORGOTTEN_AT_ONCE).await? == FORGOTTEN_AT_ONCE {}
        *forgotten = Some(now);
        Ok(())
    }
}

/// What ended otherwise than it should: its delivery is told again when the claim is over.
fn note(ended: Result<Result<(), PortError>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = error.chain(), "could not note how telling a webhook went");
        }
        Err(error) => tracing::error!(%error, "telling a webhook ended by panic"),
    }
}
