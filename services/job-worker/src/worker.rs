//! One worker: receive, take the job whose turn it is, work, answer the queue, for ever.

use std::time::Duration;

use outcrop_ports::{Delivery, MAX_DELAY, PortError};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::JobId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::JobWorker;
use crate::run_job::Outcome;

/// How long one receive waits for a message (the longest that SQS allows).
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
/// How long one message is held for one job after the other: no queue hides a message for ever (SQS for twelve hours).
const LONGEST_HELD: Duration = Duration::from_secs(60 * 60);
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

    /// A message says that there is work, and no more: which, the store knows.
    async fn handle(&self, delivery: Delivery, stop: &CancellationToken) {
        let outcome = if delivery.body.parse::<JobId>().is_ok() {
            self.work_on(&delivery, stop).await
        } else {
            tracing::error!("a queue message that names no job was set aside");
            Outcome::SetAside {
                body: delivery.body.clone(),
                reason: "it names no job".to_owned(),
                trace: delivery.trace.clone(),
            }
        };
        if let Err(error) = self.answer(delivery, outcome).await {
            // Harmless: the message comes back and finds the rows as they are.
            tracing::warn!(error = error.chain(), "could not answer the queue");
        }
    }

    /// Does one job after the other while there is one: the message of a job that had to wait for others of its team may have
    /// been answered long ago, by a worker that found nothing it might do.
    async fn work_on(&self, message: &Delivery, stop: &CancellationToken) -> Outcome {
        let received_at = Instant::now();
        let mut hidden_at = received_at;
        while !stop.is_cancelled() && received_at.elapsed() < LONGEST_HELD {
            match self.run_job(message, stop).await {
                Outcome::Done => {}
                Outcome::Again { job, after, trace } => {
                    if let Err(error) = self.put_off(job, after, trace).await {
                        tracing::warn!(job.id = %job, error = error.chain(), "could not queue a job; the sweep will");
                    }
                }
                other => return other,
            }
            if hidden_at.elapsed() >= self.lease() / 3 {
                hidden_at = Instant::now();
                if let Err(error) = self.ports.queue.extend(&message.receipt, self.lease()).await {
                    tracing::warn!(error = error.chain(), "could not keep a message hidden");
                }
            }
        }
        Outcome::GivenBack
    }

    async fn answer(&self, delivery: Delivery, outcome: Outcome) -> Result<(), PortError> {
        let queue = &self.ports.queue;
        match outcome {
            Outcome::Done | Outcome::Nothing => queue.ack(&delivery.receipt).await,
            Outcome::GivenBack => self.send_anew(delivery, Duration::ZERO).await,
            Outcome::Unknown => self.send_anew(delivery, self.lease()).await,
            Outcome::Again { job, after, trace } => {
                self.put_off(job, after, trace).await?;
                queue.ack(&delivery.receipt).await
            }
            Outcome::SetAside { body, reason, trace } => {
                if body == delivery.body {
                    return queue.bury(&delivery, &reason).await;
                }
                // What is set aside is another job's; this one's nudge goes on.
                let send = queue.send(delivery.body.clone());
                sent_in(&delivery.body, delivery.trace.clone(), send).await?;
                queue.bury(&Delivery { body, trace, ..delivery }, &reason).await
            }
        }
    }

    /// Gives a message back as a new one, so that no delivery is spent on it: only those of crashes are to count.
    async fn send_anew(&self, delivery: Delivery, after: Duration) -> Result<(), PortError> {
        let queue = &self.ports.queue;
        let send = queue.send_after(delivery.body.clone(), after.min(MAX_DELAY));
        match sent_in(&delivery.body, delivery.trace, send).await {
            Ok(()) => queue.ack(&delivery.receipt).await,
            Err(error) => {
                tracing::warn!(
                    error = error.chain(),
                    "could not send a message anew; it comes back as it is"
                );
                queue.extend(&delivery.receipt, after).await
            }
        }
    }

    /// Sends a message of its own, since one that is only hidden comes nearer to the end of its deliveries each time. What is
    /// further away than a message can be delayed is the sweep's.
    async fn put_off(&self, job: JobId, after: Duration, trace: TraceContext) -> Result<(), PortError> {
        if after > MAX_DELAY {
            return Ok(());
        }
        let job = job.to_string();
        sent_in(&job, trace, self.ports.queue.send_after(job.clone(), after)).await
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_millis(self.options.jobs.lease_ms.max(1_000))
    }
}

/// Sends a message of a job again where it was in its trace.
fn sent_in<F: Future>(job: &str, trace: TraceContext, send: F) -> impl Future<Output = F::Output> {
    Current::new(job, trace).scope(send)
}
