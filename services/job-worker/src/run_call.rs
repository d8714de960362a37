//! A job of one model call.

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{Finish, InferenceAnswer, InferenceCall, PortError, PortFailure};
use outcrop_types::{Choice, Job, JobId, LeaseToken, Principal, RequestId, Used, Way};
use serde::Deserialize;
use tokio::time::Instant;

use crate::JobWorker;
use crate::owner::Barred;
use crate::run_job::{pause, set_aside};
use crate::turn::current_of;
use crate::ways::WorkAtHand;

/// The longest a single call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(600);
/// How old a job without a deadline may be and still be put off without an attempt being counted.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// A call that fails sooner never began: the service is away.
pub(crate) const NEVER_BEGAN: Duration = Duration::from_secs(30);
/// How often an answer is put away before the call is made again, and the pause in between: five minutes in all.
const MOST_PUTS: u32 = 300;
const PUT_PAUSE: Duration = Duration::from_secs(1);
/// The status of an answer that says "too many calls".
const RATE_LIMITED: u16 = 429;

/// How a call ended.
enum Ended {
    Answered(InferenceAnswer, Way),
    Failed(PortError),
    /// What it needs is away: that says nothing about the job.
    Away(PortError),
    /// Its owner may not do it any more, or whether it may cannot be told now.
    Barred(Barred),
    /// Its deadline is over.
    Late,
    /// The lease passed to another worker, or the owner cancelled: nothing that is written now counts.
    Lost,
}

impl From<PortError> for Ended {
    fn from(error: PortError) -> Self {
        if error.failure == PortFailure::Unavailable { Self::Away(error) } else { Self::Failed(error) }
    }
}

impl JobWorker {
    /// Makes the call of a claimed job; how it is to be written down.
    pub(crate) async fn run_call(&self, job: &Job, lease: LeaseToken) -> Finish {
        let ended = match self.time_left(job) {
            Some(left) => {
                let calling = tokio::time::timeout(left, self.call(job, lease, left));
                calling.await.unwrap_or(Ended::Late)
            }
            None => Ended::Late,
        };
        match ended {
            Ended::Late => Finish::Expired,
            Ended::Lost => Finish::Later { not_before: self.ports.clock.now(), used: None },
            Ended::Barred(Barred::Ever(why)) => gave_up(why),
            Ended::Barred(Barred::Now(error)) => {
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not look up a job's owner");
                self.later(job, None, "whoever submitted this job could not be looked up")
            }
            Ended::Away(error) => {
                tracing::warn!(job.id = %job.id, error = error.chain(), "a job is put off, as what it needs is away");
                self.later(job, None, "what the job needs was away for too long")
            }
            Ended::Failed(error) if error.failure == PortFailure::Unavailable => {
                tracing::warn!(job.id = %job.id, outcrop.attempt = job.attempts, error = error.chain(), "a job's call failed");
                self.retry(job, None).unwrap_or_else(|| set_aside("the model service could not be reached"))
            }
            Ended::Failed(error) => self.failed_attempt(job, &error),
            Ended::Answered(answer, way) => self.answered(job, answer, way).await,
        }
    }

    /// How long the call may take; `None` if the job's deadline is over.
    fn time_left(&self, job: &Job) -> Option<Duration> {
        let Some(deadline) = job.deadline else { return Some(CALL_DEADLINE) };
        let left = (deadline - self.ports.clock.now()).to_std().ok()?;
        (!left.is_zero()).then_some(left)
    }

    async fn call(&self, job: &Job, lease: LeaseToken, left: Duration) -> Ended {
        match self.try_call(job, lease, left).await {
            Ok(ended) | Err(ended) => ended,
        }
    }

    async fn try_call(&self, job: &Job, lease: LeaseToken, left: Duration) -> Result<Ended, Ended> {
        let principal = self.owner(job).await.map_err(Ended::Barred)?;
        let body = self.ports.blobs.get(&job.input).await?;
        let body = body.ok_or_else(|| PortError::broken("find a job's body", job.input.clone()))?;
        let way = self.way(job, lease, &principal, &body).await?.ok_or(Ended::Lost)?;
        let call = InferenceCall {
            principal,
            path: job.path.clone(),
            body,
            request_id: RequestId::from_uuid(self.ports.ids.uuid()),
            deadline: left.min(CALL_DEADLINE),
            way,
            response: job.response,
        };
        let began = Instant::now();
        match current_of(&call).scope(self.ports.inference.call(call)).await {
            Ok(answer) => Ok(Ended::Answered(answer, way)),
            Err(error) if began.elapsed() >= NEVER_BEGAN => Ok(Ended::Failed(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// The way that was chosen for the call, or is chosen now; `None` if the lease has passed to another. What has no
    /// deadline is somebody's who waits.
    async fn way(
        &self,
        job: &Job,
        lease: LeaseToken,
        principal: &Principal,
        body: &Bytes,
    ) -> Result<Option<Way>, PortError> {
        let choice = match (&job.choice, job.deadline) {
            (Some(choice), _) if choice.way == Way::Flex && self.is_short_of_time(job) => Choice {
                way: Way::OnDemand,
                reason: "the flex tier had no room, and half of the time is over".to_owned(),
            },
            (Some(choice), _) => return Ok(Some(choice.way)),
            (None, None) => Choice { way: Way::OnDemand, reason: "it has no deadline".to_owned() },
            (None, deadline) => {
                let model = model_of(body);
                let work =
                    WorkAtHand { principal, path: &job.path, model: model.as_deref(), calls: 1, deadline };
                self.choose(&work).await?
            }
        };
        let noted = self.ports.jobs.choose_job(job.id, lease, &choice).await?;
        Ok(noted.then_some(choice.way))
    }

    /// Whether half of the time until the deadline is over, or no attempt is left to lose.
    fn is_short_of_time(&self, job: &Job) -> bool {
        let is_late = job.deadline.is_some_and(|deadline| {
            (self.ports.clock.now() - job.created_at) * 2 >= deadline - job.created_at
        });
        is_late || job.attempts >= self.options.jobs.max_attempts
    }

    /// What an answer means for the job: its end, or another try.
    async fn answered(&self, job: &Job, answer: InferenceAnswer, way: Way) -> Finish {
        let passes = !answer.is_final && (answer.status == RATE_LIMITED || is_passing(answer.status));
        // Of the flex tier, being short of room is no failure either.
        let mut used = job.used;
        used += answer.used;
        if passes && (answer.status == RATE_LIMITED || way == Way::Flex && !self.is_short_of_time(job)) {
            let too_old = "the model service was over its limits for too long";
            return having_used(self.later(job, answer.retry_after, too_old), used);
        }
        if passes && let Some(retry) = self.retry(job, answer.retry_after) {
            return having_used(retry, used);
        }
        match self.keep_answer(job.id, InferenceAnswer { used, ..answer }).await {
            Ok(finish) => finish,
            Err(error) => {
                tracing::warn!(job.id = %job.id, error = error.chain(), "could not keep a job's answer");
                let retry =
                    self.retry(job, None).unwrap_or_else(|| set_aside("the answer could not be kept"));
                having_used(retry, used)
            }
        }
    }

    /// Another try after something that was not the job's fault, until the job is too old for it.
    fn later(&self, job: &Job, retry_after: Option<Duration>, too_old: &str) -> Finish {
        let now = self.ports.clock.now();
        let age = (now - job.created_at).to_std().unwrap_or_default();
        if job.deadline.is_none() && age >= LONGEST_AGE {
            return gave_up(too_old);
        }
        // These tries are not counted, so that it is the job's age by which the pauses grow.
        let not_before = now + pause(job, retry_after.unwrap_or(age / 4));
        Finish::Later {
            not_before: job.deadline.map_or(not_before, |deadline| not_before.min(deadline)),
            used: None,
        }
    }

    async fn keep_answer(&self, id: JobId, answer: InferenceAnswer) -> Result<Finish, PortError> {
        let output = format!("jobs/{id}/output.json");
        for tries in 1.. {
            // The answer is paid for: it waits for the blobs to come back.
            match self.ports.blobs.put(&output, answer.body.clone()).await {
                Ok(()) => break,
                Err(error) if error.failure == PortFailure::Unavailable && tries < MOST_PUTS => {
                    tracing::warn!(job.id = %id, error = error.chain(), "could not keep an answer yet");
                    tokio::time::sleep(PUT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Finish::Answered { status: answer.status, output, used: answer.used })
    }
}

/// The same, with what all attempts have used by now.
fn having_used(finish: Finish, all: Used) -> Finish {
    match finish {
        Finish::Retry { not_before, .. } => Finish::Retry { not_before, used: Some(all) },
        Finish::Later { not_before, .. } => Finish::Later { not_before, used: Some(all) },
        ended => ended,
    }
}

fn gave_up(error: &str) -> Finish {
    Finish::GaveUp { error: error.to_owned(), dead: false }
}

/// Whether an answer says "not now": the same call may succeed later.
const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}

/// The model that a body asks for, where it is JSON that says so.
fn model_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Asked {
        model: Option<String>,
    }
    serde_json::from_slice::<Asked>(body).ok()?.model
}
