//! Doing one job: claim it, call the model while keeping the claim, write down how it ended.

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{Finish, InferenceAnswer, InferenceCall, PortError, Receipt};
use outcrop_types::{Job, JobId, LeaseToken, RequestId};
use tokio_util::sync::CancellationToken;

use crate::JobWorker;

/// The longest a single call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(600);

/// What becomes of the queue message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is left to do.
    Done,
    /// It shall come back after a while.
    Again { after: Duration },
}

/// How the call of a claimed job ended.
enum Ended {
    Answered(InferenceAnswer),
    Failed(PortError),
    /// The lease passed to another worker, or the owner cancelled.
    Lost,
    /// This process is stopping.
    Stopping,
}

impl JobWorker {
    pub(crate) async fn run_job(&self, id: JobId, receipt: &Receipt, stop: &CancellationToken) -> Outcome {
        let now = self.ports.clock.now();
        match self.ports.jobs.claim_job(id, now, now + self.lease()).await {
            Ok(Some((job, lease))) => self.run_claimed(&job, lease, receipt, stop).await,
            // Done, cancelled, or another worker's: if that one dies, the sweep nudges again.
            Ok(None) => Outcome::Done,
            Err(error) => {
                tracing::warn!(job.id = %id, error = error.chain(), "could not claim a job");
                Outcome::Again { after: self.backoff(1) }
            }
        }
    }

    async fn run_claimed(
        &self,
        job: &Job,
        lease: LeaseToken,
        receipt: &Receipt,
        stop: &CancellationToken,
    ) -> Outcome {
        let ended = tokio::select! {
            ended = self.call(job) => ended,
            () = self.keep_claim(job.id, lease, receipt) => Ended::Lost,
            () = stop.cancelled() => Ended::Stopping,
        };
        let last_try = job.attempts >= self.config.max_attempts;
        let finish = match ended {
            Ended::Lost => return Outcome::Done,
            Ended::Stopping => Finish::Retry,
            Ended::Failed(error) => {
                tracing::warn!(job.id = %job.id, attempt = job.attempts, error = error.chain(), "a job's call failed");
                let error = "the model service could not be reached".to_owned();
                if last_try { Finish::GaveUp { error } } else { Finish::Retry }
            }
            Ended::Answered(answer) if is_passing(answer.status) && !last_try => Finish::Retry,
            Ended::Answered(answer) => match self.keep_answer(job.id, answer).await {
                Ok(finish) => finish,
                Err(error) => {
                    tracing::warn!(job.id = %job.id, error = error.chain(), "could not keep a job's answer");
                    Finish::Retry
                }
            },
        };
        let stopping = stop.is_cancelled();
        self.finish(job, lease, &finish, if stopping { Duration::ZERO } else { self.backoff(job.attempts) })
            .await
    }

    async fn call(&self, job: &Job) -> Ended {
        let body = match self.ports.blobs.get(&job.input).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ended::Failed(PortError::broken("find a job's body", job.input.clone())),
            Err(error) => return Ended::Failed(error),
        };
        let call = InferenceCall {
            principal: job.principal.clone(),
            path: job.path.clone(),
            body,
            request_id: RequestId::from_uuid(self.ports.ids.uuid()),
            deadline: CALL_DEADLINE,
        };
        match self.ports.inference.call(call).await {
            Ok(answer) => Ended::Answered(answer),
            Err(error) => Ended::Failed(error),
        }
    }

    /// Prolongs lease and invisibility every third of their length; ends only when the claim is lost.
    async fn keep_claim(&self, id: JobId, lease: LeaseToken, receipt: &Receipt) {
        loop {
            tokio::time::sleep(self.lease() / 3).await;
            let until = self.ports.clock.now() + self.lease();
            match self.ports.jobs.renew_job(id, lease, until).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease has two more tries before it ends.
                Err(error) => tracing::warn!(job.id = %id, error = error.chain(), "could not renew a lease"),
            }
            if let Err(error) = self.ports.queue.extend(receipt, self.lease()).await {
                tracing::warn!(job.id = %id, error = error.chain(), "could not keep a message hidden");
            }
        }
    }

    async fn keep_answer(&self, id: JobId, answer: InferenceAnswer) -> Result<Finish, PortError> {
        let output = format!("jobs/{id}/output.json");
        let body: Bytes = answer.body;
        self.ports.blobs.put(&output, body).await?;
        Ok(Finish::Answered { status: answer.status, output })
    }

    async fn finish(&self, job: &Job, lease: LeaseToken, finish: &Finish, backoff: Duration) -> Outcome {
        match self.ports.jobs.finish_job(job.id, lease, finish, self.ports.clock.now()).await {
            Ok(true) if *finish == Finish::Retry => Outcome::Again { after: backoff },
            Ok(true) => {
                tracing::info!(job.id = %job.id, attempt = job.attempts, "job finished");
                Outcome::Done
            }
            Ok(false) => Outcome::Done,
            Err(error) => {
                // The lease runs out by itself; the message that comes back will find the job claimable.
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not write down how a job ended");
                Outcome::Again { after: self.lease() }
            }
        }
    }

    fn backoff(&self, attempts: u32) -> Duration {
        Duration::from_secs(1 << attempts.min(6))
    }
}

/// Whether an answer says "not now": the same call may succeed later.
const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}
