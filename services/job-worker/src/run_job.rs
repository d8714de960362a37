//! Doing one job: claim the one whose turn it is, work it while keeping the claim, write down how it ended.

use std::time::Duration;

use outcrop_ports::{ClaimTerms, Delivery, Finish, PortError, PortFailure, Receipt};
use outcrop_telemetry::current;
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{Job, JobId, JobKind, JobState, LeaseToken};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::JobWorker;
use crate::rest::Place;
use crate::turn::{Turn, TurnEnd, trace_of};

/// How long to leave a store alone that cannot be asked.
const PAUSE: Duration = Duration::from_secs(2);
/// How long to wait before an end is written down once more, and how often that is tried.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
const MOST_WRITES: u32 = 600;
/// The longest pause between two tries, whatever an answer asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What becomes of the queue message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is no job to do now.
    Nothing,
    /// A job was done; there may be more.
    Done,
    /// A job is to be looked at again after a while.
    Again {
        /// Which.
        job: JobId,
        /// After so long.
        after: Duration,
        /// Where in a trace it was submitted.
        trace: TraceContext,
    },
    /// This process is stopping: another shall have it at once.
    GivenBack,
    /// Whether there is more to do cannot be told now.
    Unknown,
    /// A message that says this is to be set aside in its place.
    SetAside {
        /// What it says.
        body: String,
        /// Why.
        reason: String,
        /// Where in a trace it was submitted.
        trace: TraceContext,
    },
}

/// How the work on a claimed job ended.
#[derive(Debug)]
pub(crate) enum Ran {
    /// So it is to be written down.
    Finish(Finish),
    /// It is written down already, or was lost to another; these jobs are to be nudged.
    Written {
        /// The jobs that can go on now.
        nudge: Vec<JobId>,
    },
}

impl JobWorker {
    /// Does the job whose turn it is, if there is one, while this message is kept from others.
    pub(crate) async fn run_job(&self, message: &Delivery, stop: &CancellationToken) -> Outcome {
        let now = self.ports.clock.now();
        let most_per_team = self.options.jobs.max_running_per_team;
        let terms = ClaimTerms { now, lease_until: now + self.lease(), most_per_team };
        match self.ports.jobs.claim_job(terms).await {
            Ok(Some((job, lease))) => {
                let turn = Turn::begin(&job, &self.options.queue, &message.trace, now);
                let run = self.run_claimed(&turn, &job, lease, (&message.receipt, stop));
                let (outcome, end) = turn.scope(&job, run).await;
                turn.end(end);
                outcome
            }
            Ok(None) => Outcome::Nothing,
            Err(error) => {
                tracing::warn!(error = error.chain(), "could not claim a job");
                let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
                Outcome::Unknown
            }
        }
    }

    async fn run_claimed(
        &self,
        turn: &Turn,
        job: &Job,
        lease: LeaseToken,
        (receipt, stop): (&Receipt, &CancellationToken),
    ) -> (Outcome, TurnEnd) {
        if job.attempts > self.options.jobs.max_attempts {
            // Workers died over it so often that nobody was left to give it up.
            return self
                .finish(
                    job,
                    lease,
                    &set_aside("the job was tried too often and never ended"),
                    (receipt, stop),
                )
                .await;
        }
        let place = self.at_work.begin(job, stop);
        let ran = tokio::select! {
            ran = self.attempt(turn, job, lease, stop, &place) => ran,
            () = self.keep_claim(job.id, lease, receipt) => return (Outcome::Done, TurnEnd::Lost),
            () = self.out_of_time(job.kind, stop) => {
                Ran::Finish(Finish::Later { not_before: self.ports.clock.now(), used: None })
            }
        };
        drop(place);
        match ran {
            Ran::Finish(finish) => self.finish(job, lease, &finish, (receipt, stop)).await,
            Ran::Written { nudge } => {
                if !nudge.is_empty() {
                    turn.below(self.nudge_all(&nudge)).await;
                }
                (Outcome::Done, TurnEnd::Stepped)
            }
        }
    }

    /// One attempt in a task of its own, which ends with this future: a panic in it is a failed attempt.
    async fn attempt(
        &self,
        turn: &Turn,
        job: &Job,
        lease: LeaseToken,
        stop: &CancellationToken,
        place: &Place,
    ) -> Ran {
        let (worker, owned, stop, rest) = (self.clone(), job.clone(), stop.clone(), place.rest.clone());
        let turn = turn.clone();
        let task = AbortOnDropHandle::new(tokio::spawn(current::carry(async move {
            match owned.kind {
                JobKind::Call => Ran::Finish(worker.run_call(&owned, lease).await),
                JobKind::Batch => worker.run_batch(&turn, &owned, lease, &stop).await,
                JobKind::Part => worker.run_part(&owned, lease, &stop, &rest).await,
            }
        })));
        task.await.unwrap_or_else(|error| {
            let error = PortError::broken("do a job", error);
            Ran::Finish(self.failed_attempt(job, &error))
        })
    }

    /// Ends when a stopping process must give up what it has: a call at once, since nothing of it can be kept; what keeps
    /// what it has done gets a moment to do so.
    async fn out_of_time(&self, kind: JobKind, stop: &CancellationToken) {
        stop.cancelled().await;
        if kind != JobKind::Call {
            tokio::time::sleep(self.options.drain / 2).await;
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

    async fn finish(
        &self,
        job: &Job,
        lease: LeaseToken,
        finish: &Finish,
        (receipt, stop): (&Receipt, &CancellationToken),
    ) -> (Outcome, TurnEnd) {
        let written = tokio::select! {
            written = self.write_down(job, lease, finish) => written,
            () = self.keep_claim(job.id, lease, receipt) => Some(false),
            () = self.out_of_time(JobKind::Part, stop) => None,
        };
        match written {
            Some(true) => {}
            Some(false) => {
                self.forget_late(job, finish).await;
                return (Outcome::Done, TurnEnd::Lost);
            }
            // The lease runs out by itself; the message that comes back will find the job claimable.
            None => return (Outcome::Unknown, TurnEnd::Unwritten),
        }
        let (now, end) = (self.ports.clock.now(), TurnEnd::from(finish));
        let not_before = match finish {
            Finish::Retry { not_before, .. } | Finish::Later { not_before, .. } => *not_before,
            Finish::Answered { .. } | Finish::GaveUp { .. } | Finish::Expired => {
                return (self.ended(job, finish).await, end);
            }
        };
        let after = (not_before - now).to_std().unwrap_or_default();
        if after.is_zero() && stop.is_cancelled() {
            return (Outcome::GivenBack, end);
        }
        (Outcome::Again { job: job.id, after, trace: trace_of(job) }, end)
    }

    /// Writes down how a job ended, again and again while the store is away: an answer is paid for. `false` if nobody wants to
    /// know any more, `None` if it could not be done.
    async fn write_down(&self, job: &Job, lease: LeaseToken, finish: &Finish) -> Option<bool> {
        for _ in 0..MOST_WRITES {
            let error = match self.ports.jobs.finish_job(job.id, lease, finish, self.ports.clock.now()).await
            {
                Ok(written) => return Some(written),
                Err(error) => error,
            };
            tracing::warn!(job.id = %job.id, error = error.chain(), "could not write down how a job ended");
            if error.failure == PortFailure::Broken {
                return None;
            }
            tokio::time::sleep(WRITE_PAUSE).await;
        }
        None
    }

    /// Removes an answer that came after its job was cancelled. (Where another has the job, the answer is its affair.)
    async fn forget_late(&self, job: &Job, finish: &Finish) {
        let Finish::Answered { output, .. } = finish else { return };
        if let Ok(Some(job)) = self.ports.jobs.lookup_job(job.id).await
            && job.state == JobState::Cancelled
        {
            self.discard(output).await;
        }
    }

    async fn ended(&self, job: &Job, finish: &Finish) -> Outcome {
        if let Some(batch) = job.parent {
            // Its batch goes on without it.
            self.nudge(batch).await;
        }
        match finish {
            Finish::GaveUp { error, dead: true } => {
                tracing::error!(job.id = %job.id, outcrop.attempt = job.attempts, error, "job set aside");
                Outcome::SetAside { body: job.id.to_string(), reason: error.clone(), trace: trace_of(job) }
            }
            _ => {
                TurnEnd::from(finish).log(job);
                Outcome::Done
            }
        }
    }

    /// What an attempt without a result means for the job: another try, or its end.
    pub(crate) fn failed_attempt(&self, job: &Job, error: &PortError) -> Finish {
        tracing::warn!(job.id = %job.id, outcrop.attempt = job.attempts, error = error.chain(), "an attempt at a job failed");
        self.retry(job, None).unwrap_or_else(|| set_aside("every attempt at the job failed"))
    }

    /// Another try after a failed one; `None` if that was the last.
    pub(crate) fn retry(&self, job: &Job, retry_after: Option<Duration>) -> Option<Finish> {
        let wait = pause(job, retry_after.unwrap_or_default());
        let not_before = self.ports.clock.now() + wait;
        (job.attempts < self.options.jobs.max_attempts).then_some(Finish::Retry { not_before, used: None })
    }
}

/// How long a job is left alone: what is asked for, within bounds that grow with its attempts.
pub(crate) fn pause(job: &Job, asked: Duration) -> Duration {
    asked.clamp(Duration::from_secs(1 << job.attempts.min(6)), LONGEST_WAIT)
}

/// Given up; trying again by hand may help.
pub(crate) fn set_aside(error: &str) -> Finish {
    Finish::GaveUp { error: error.to_owned(), dead: true }
}
