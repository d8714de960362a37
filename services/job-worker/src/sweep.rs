//! Makes up for lost nudges: a job that was taken in and never queued, or whose worker died.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::JobWorker;

const MOST_AT_ONCE: usize = 100;

impl JobWorker {
    pub(crate) async fn sweep(self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.config.sweep_ms.max(1_000));
        let mut away = false;
        while tokio::time::timeout(pause, stop.cancelled()).await.is_err() {
            let now = self.ports.clock.now();
            match self.ports.jobs.nudge_stale_jobs(now - pause, now, MOST_AT_ONCE).await {
                Ok(stale) => {
                    away = false;
                    for id in stale {
                        self.nudge(id).await;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(error = error.chain(), "could not look for lost jobs");
                    }
                }
            }
        }
    }
}
