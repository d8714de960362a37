//! Doing one job: claim it, call the model while keeping the claim, write down how it ended.

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{Claim, Finish, InferenceAnswer, InferenceCall, PortError, PortFailure, Receipt};
use outcrop_types::{Job, JobId, LeaseToken, RequestId};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::JobWorker;
use crate::owner::Barred;

/// The longest a single call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(600);
/// The shortest pause before a job that is busy is looked at again.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The longest pause between two tries, whatever an answer asks for. (SQS hides a message for 12 hours at most.)
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// How old a job may be and still be put off without an attempt being counted.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The status of an answer that says "too many calls".
const RATE_LIMITED: u16 = 429;

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
    /// Its owner may not do it any more, or whether it may cannot be told now.
    Barred(Barred),
    /// The lease passed to another worker, or the owner cancelled.
    Lost,
    /// This process is stopping.
    Stopping,
}

impl JobWorker {
    pub(crate) async fn run_job(&self, id: JobId, receipt: &Receipt, stop: &CancellationToken) -> Outcome {
        let now = self.ports.clock.now();
        match self.ports.jobs.claim_job(id, now, now + self.lease()).await {
            Ok(Claim::Taken(job, lease)) => self.run_claimed(&job, lease, receipt, stop).await,
            // Should the other worker die, this message is there to take over.
            Ok(Claim::Busy { until }) => {
                let left = (until - now).to_std().unwrap_or_default();
                Outcome::Again { after: left.clamp(SHORTEST_WAIT, LONGEST_WAIT) }
            }
            Ok(Claim::Done) => Outcome::Done,
            Err(error) => {
                tracing::warn!(job.id = %id, error = error.chain(), "could not claim a job");
                Outcome::Again { after: backoff(1) }
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
        if job.attempts > self.config.max_attempts {
            // Workers died over it so often that nobody was left to give it up.
            return self.finish(job, lease, &gave_up("the job was tried too often and never ended")).await;
        }
        let ended = tokio::select! {
            ended = self.attempt(job) => ended,
            () = self.keep_claim(job.id, lease, receipt) => Ended::Lost,
            () = stop.cancelled() => Ended::Stopping,
        };
        let finish = match ended {
            Ended::Lost => return Outcome::Done,
            Ended::Stopping => Finish::Later { not_before: self.ports.clock.now() },
            Ended::Barred(Barred::Ever(why)) => gave_up(why),
            Ended::Barred(Barred::Now(error)) => {
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not look up a job's owner");
                self.later(job, None, "whoever submitted this job could not be looked up")
            }
            Ended::Failed(error) => {
                tracing::warn!(job.id = %job.id, attempt = job.attempts, error = error.chain(), "a job's call failed");
                let away = error.failure == PortFailure::Unavailable;
                self.retry(job, None).unwrap_or_else(|| {
                    gave_up(if away { "the model service could not be reached" } else { "the call failed" })
                })
            }
            Ended::Answered(answer) => self.answered(job, answer).await,
        };
        self.finish(job, lease, &finish).await
    }

    /// What an answer means for the job: its end, or another try.
    async fn answered(&self, job: &Job, answer: InferenceAnswer) -> Finish {
        if answer.status == RATE_LIMITED {
            return self.later(job, answer.retry_after, "the model service was over its limits for too long");
        }
        if is_passing(answer.status)
            && let Some(retry) = self.retry(job, answer.retry_after)
        {
            return retry;
        }
        match self.keep_answer(job.id, answer).await {
            Ok(finish) => finish,
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not keep a job's answer");
                self.retry(job, None).unwrap_or_else(|| gave_up("the answer could not be kept"))
            }
        }
    }

    /// Another try after a failed one; `None` if that was the last.
    fn retry(&self, job: &Job, retry_after: Option<Duration>) -> Option<Finish> {
        let wait = retry_after.unwrap_or_default().clamp(backoff(job.attempts), LONGEST_WAIT);
        let not_before = self.ports.clock.now() + wait;
        (job.attempts < self.config.max_attempts).then_some(Finish::Retry { not_before })
    }

    /// Another try after something that was not the job's fault, until the job is too old for it.
    fn later(&self, job: &Job, retry_after: Option<Duration>, too_old: &str) -> Finish {
        let now = self.ports.clock.now();
        let age = (now - job.created_at).to_std().unwrap_or_default();
        if age >= LONGEST_AGE {
            return gave_up(too_old);
        }
        // These tries are not counted, so that it is the job's age by which the pauses grow.
        let wait = retry_after.unwrap_or(age / 4).clamp(backoff(job.attempts), LONGEST_WAIT);
        Finish::Later { not_before: now + wait }
    }

    /// One attempt in a task of its own, which ends with this future: a panic in it is a failed attempt.
    async fn attempt(&self, job: &Job) -> Ended {
        let (worker, job) = (self.clone(), job.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move { worker.call(&job).await }));
        task.await.unwrap_or_else(|error| Ended::Failed(PortError::broken("make a job's call", error)))
    }

    async fn call(&self, job: &Job) -> Ended {
        let principal = match self.owner(job).await {
            Ok(principal) => principal,
            Err(barred) => return Ended::Barred(barred),
        };
        let body = match self.ports.blobs.get(&job.input).await {
            Ok(Some(body)) => body,
            Ok(None) => return Ended::Failed(PortError::broken("find a job's body", job.input.clone())),
            Err(error) => return Ended::Failed(error),
        };
        let call = InferenceCall {
            principal,
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

    async fn finish(&self, job: &Job, lease: LeaseToken, finish: &Finish) -> Outcome {
        let now = self.ports.clock.now();
        match (self.ports.jobs.finish_job(job.id, lease, finish, now).await, finish) {
            (Ok(true), Finish::Retry { not_before } | Finish::Later { not_before }) => {
                Outcome::Again { after: (*not_before - now).to_std().unwrap_or_default() }
            }
            (Ok(true), Finish::Answered { .. } | Finish::GaveUp { .. }) => {
                tracing::info!(job.id = %job.id, attempt = job.attempts, "job finished");
                Outcome::Done
            }
            (Ok(false), _) => Outcome::Done,
            (Err(error), _) => {
                // The lease runs out by itself; the message that comes back will find the job claimable.
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not write down how a job ended");
                Outcome::Again { after: self.lease() }
            }
        }
    }
}

fn gave_up(error: &str) -> Finish {
    Finish::GaveUp { error: error.to_owned() }
}

/// How long to wait after so many attempts.
fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(1 << attempts.min(6))
}

/// Whether an answer says "not now": the same call may succeed later.
const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}
