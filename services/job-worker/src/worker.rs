//! One worker: receive, look, work, acknowledge, for ever.

use std::time::Duration;

use outcrop_ports::Delivery;
use outcrop_types::JobId;
use tokio_util::sync::CancellationToken;

use crate::JobWorker;
use crate::run_job::Outcome;

/// How long one receive waits for a message (the longest that SQS allows).
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
/// How long to leave a broken queue alone.
const PAUSE: Duration = Duration::from_secs(2);

impl JobWorker {
    pub(crate) async fn work(self, stop: CancellationToken) {
        let mut away = false;
        while !stop.is_cancelled() {
            let received = tokio::select! {
                () = stop.cancelled() => break,
                received = self.ports.queue.receive(RECEIVE_WAIT, self.lease()) => received,
            };
            match received {
                Ok(delivery) => {
                    away = false;
                    if let Some(delivery) = delivery {
                        self.handle(delivery, &stop).await;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(error = error.chain(), "the job queue cannot be reached");
                    }
                    let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
                }
            }
        }
    }

    async fn handle(&self, delivery: Delivery, stop: &CancellationToken) {
        let outcome = match delivery.body.parse::<JobId>() {
            Ok(id) => self.run_job(id, &delivery.receipt, stop).await,
            Err(error) => {
                tracing::error!(%error, "a queue message that names no job was dropped");
                Outcome::Done
            }
        };
        let answered = match outcome {
            Outcome::Done => self.ports.queue.ack(&delivery.receipt).await,
            Outcome::Again { after } => self.ports.queue.extend(&delivery.receipt, after).await,
        };
        if let Err(error) = answered {
            // Harmless: the message comes back and finds the job's row as it is.
            tracing::warn!(error = error.chain(), "could not answer the queue");
        }
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.config.lease_ms.max(1_000))
    }
}
