//! Makes up for lost nudges: a job that was taken in and never queued, or whose worker died.

use std::time::Duration;

use outcrop_ports::PortError;
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

/// Most nudges of one sweep; so many that wait are enough besides.
const MOST_AT_ONCE: usize = 500;

impl JobWorker {
    pub(crate) async fn sweep(self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.options.jobs.sweep_ms.max(1_000));
        let mut away = false;
        while tokio::time::timeout(pause, stop.cancelled()).await.is_err() {
            match self.nudge_stale(pause).await {
                Ok(()) => away = false,
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(error = error.chain(), "could not look for lost jobs");
                    }
                }
            }
        }
    }

    async fn nudge_stale(&self, pause: Duration) -> Result<(), PortError> {
        // A nudge is good for whichever job's turn it is: where many wait to be received, workers are not short of them.
        // A queue that cannot be counted is nudged.
        let waiting = self.ports.queue.depth().await.map_or(0, |depth| depth.waiting);
        if usize::try_from(waiting).is_ok_and(|waiting| waiting >= MOST_AT_ONCE) {
            return Ok(());
        }
        let now = self.ports.clock.now();
        let stale = self.ports.jobs.nudge_stale_jobs(now - pause, now, MOST_AT_ONCE).await?;
        self.nudge_all(&stale).await;
        Ok(())
    }
}
