//! A batch as a whole: its file is checked and cut, then it waits for its parts, and in the end it is put together.

use std::time::Duration;

use outcrop_ports::{BatchBegun, Finish, PortError};
use outcrop_types::{
    Batch, BatchError, BatchId, BatchPart, BatchStatus, Choice, Job, JobState, LeaseToken, Way,
};
use tokio_util::sync::CancellationToken;

use super::check::Check;
use super::cut::Cut;
use super::reader::LineReader;
use crate::JobWorker;
use crate::run_job::Ran;
use crate::turn::Turn;
use crate::ways::{BedrockStep, Submitted, WorkAtHand};

/// How soon to look again at a batch whose parts are under way. The last part wakes it, but not while it is being looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often the status may change under us, as by a cancellation, before the job is left to the next claim.
const CHANGES: usize = 4;

/// What a file turned out to be.
enum Checked {
    Good { model: Option<String>, total: u64, parts: Vec<BatchPart> },
    Bad(Vec<BatchError>),
}

impl JobWorker {
    /// Looks after a batch as a whole: checks its file and cuts it, or puts together what its parts made, or sees that its
    /// time is over.
    pub(crate) async fn run_batch(
        &self,
        turn: &Turn,
        job: &Job,
        lease: LeaseToken,
        stop: &CancellationToken,
    ) -> Ran {
        let looked = tokio::select! {
            looked = self.look_after(turn, job, lease) => looked,
            // All of it can be begun anew.
            () = stop.cancelled() => return Ran::Finish(Finish::Later { not_before: self.ports.clock.now(), used: None }),
        };
        match looked {
            Ok(ran) => ran,
            Err(error) => self.interrupted(job, &error),
        }
    }

    async fn look_after(&self, turn: &Turn, job: &Job, lease: LeaseToken) -> Result<Ran, PortError> {
        let id = BatchId::new(job.id.uuid());
        for _ in 0..CHANGES {
            let Some(batch) = self.ports.batches.lookup_batch(id).await? else {
                return Ok(Ran::Written { nudge: Vec::new() });
            };
            let over = self.ports.clock.now() >= batch.expires_at;
            let ran = match batch.status {
                BatchStatus::Validating if !over => turn.below(self.begin(job, lease, &batch)).await?,
                BatchStatus::InProgress if !over => self.follow(turn, job, lease, &batch).await?,
                BatchStatus::Validating | BatchStatus::InProgress => {
                    turn.below(self.expire(job, lease, &batch)).await?
                }
                BatchStatus::Cancelling => {
                    turn.below(self.end(job, lease, &batch, BatchStatus::Cancelled)).await?
                }
                BatchStatus::Finalizing => turn.below(self.finalize(job, lease, &batch)).await?,
                BatchStatus::Failed
                | BatchStatus::Completed
                | BatchStatus::Expired
                | BatchStatus::Cancelled => return Ok(Ran::Written { nudge: Vec::new() }),
            };
            if let Some(ran) = ran {
                return Ok(ran);
            }
        }
        // Given back rather than left to its lease, which would count as a death.
        Ok(later(self.ports.clock.now() + LOOK_AGAIN))
    }

    /// Checks and cuts; `None` if the batch stands otherwise by now.
    async fn begin(&self, job: &Job, lease: LeaseToken, batch: &Batch) -> Result<Option<Ran>, PortError> {
        let (model, total, parts) = match self.check(job, batch).await? {
            Checked::Good { model, total, parts } => (model, total, parts),
            Checked::Bad(errors) => {
                let now = self.ports.clock.now();
                let rejected = self.ports.batches.reject_batch(batch.id, lease, &errors, now).await?;
                return Ok(rejected.then_some(Ran::Written { nudge: Vec::new() }));
            }
        };
        let at_hand = WorkAtHand {
            principal: &job.principal,
            path: &job.path,
            model: model.as_deref(),
            calls: total,
            deadline: Some(batch.expires_at),
        };
        let choice = self.choose(&at_hand).await?;
        let now = self.ports.clock.now();
        let (parts, look_at) = match choice.way {
            Way::Batch => (Vec::new(), now),
            Way::OnDemand | Way::Flex => (parts, batch.expires_at),
        };
        let mut nudge: Vec<_> = parts.iter().map(|part| part.job).collect();
        if nudge.is_empty() {
            nudge.push(job.id);
        }
        let begun = BatchBegun { model, total, choice, parts, look_at };
        let begun = self.ports.batches.begin_batch(batch.id, lease, &begun, now).await?;
        Ok(begun.then_some(Ran::Written { nudge }))
    }

    async fn check(&self, job: &Job, batch: &Batch) -> Result<Checked, PortError> {
        let settings = &self.options.batches;
        let longest = settings.max_line_bytes;
        let reader = LineReader::open(&*self.ports.blobs, &job.input, None, 1, longest).await?;
        let Some(mut reader) = reader else { return Ok(Checked::Bad(vec![file_gone()])) };
        let mut check = Check::new(&batch.endpoint, settings.max_lines, longest);
        let mut cut = Cut::new(&*self.ports.ids, settings.part_lines, settings.part_bytes);
        while let Some(line) = reader.next().await? {
            if line.is_blank() {
                continue;
            }
            if !check.look(&line) {
                break;
            }
            cut.add(&line);
        }
        let total = check.lines;
        Ok(match check.end() {
            Ok(model) => Checked::Good { model, total, parts: cut.parts() },
            Err(errors) => Checked::Bad(errors),
        })
    }

    /// A batch in progress: Bedrock does it, its parts do, or they have done it.
    async fn follow(
        &self,
        turn: &Turn,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
    ) -> Result<Option<Ran>, PortError> {
        let parts = self.ports.batches.batch_parts(batch.id).await?;
        if parts.is_empty() {
            return self.follow_bedrock(turn, job, lease, batch).await;
        }
        if !parts.iter().any(|part| matches!(part.state, JobState::Queued | JobState::Running)) {
            // A part that was set aside does not hold up what is done: its lines are among the failures.
            return turn.below(self.end(job, lease, batch, BatchStatus::Completed)).await;
        }
        let look_at = (self.ports.clock.now() + LOOK_AGAIN).min(batch.expires_at);
        Ok(Some(later(look_at)))
    }

    async fn follow_bedrock(
        &self,
        turn: &Turn,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
    ) -> Result<Option<Ran>, PortError> {
        let choice = match (&batch.bedrock, &job.choice) {
            (Some(bedrock), _) if !bedrock.arn.is_empty() => {
                match self.bedrock_step(turn, job, batch).await? {
                    BedrockStep::Wait { look_at } => return Ok(Some(later(look_at.min(batch.expires_at)))),
                    BedrockStep::Done(choice) => choice,
                }
            }
            (_, Some(choice)) if choice.way == Way::Batch => {
                match turn.below(self.submit_bedrock(job, lease, batch, choice)).await? {
                    Submitted::Yes { look_at } => return Ok(Some(later(look_at.min(batch.expires_at)))),
                    Submitted::Unfit(choice) => choice,
                }
            }
            (_, Some(choice)) => choice.clone(),
            (_, None) => Choice { way: Way::OnDemand, reason: "no way was chosen".to_owned() },
        };
        turn.below(self.cut_late(job, lease, batch, &choice)).await
    }

    /// Cuts a batch that Bedrock has done, or will not do.
    async fn cut_late(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
    ) -> Result<Option<Ran>, PortError> {
        let Checked::Good { parts, .. } = self.check(job, batch).await? else {
            return Err(PortError::broken("read the file of a batch", "it is not what was checked"));
        };
        let store = &self.ports.batches;
        // The parts are made from the batch's job, its choice included.
        if !store.bedrock_batch(batch.id, lease, batch.bedrock.as_ref(), choice).await? {
            return Ok(None);
        }
        let now = self.ports.clock.now();
        if !store.add_parts(batch.id, lease, &parts, now).await? {
            return Ok(None);
        }
        self.nudge_all(&parts.iter().map(|part| part.job).collect::<Vec<_>>()).await;
        Ok(Some(later((now + LOOK_AGAIN).min(batch.expires_at))))
    }

    async fn expire(&self, job: &Job, lease: LeaseToken, batch: &Batch) -> Result<Option<Ran>, PortError> {
        if !self.ports.batches.stop_parts(batch.id, lease, self.ports.clock.now()).await? {
            return Ok(Some(Ran::Written { nudge: Vec::new() }));
        }
        self.finalize(job, lease, batch).await
    }

    /// Parts stand still: a batch of which one was stopped was not done in time.
    async fn finalize(&self, job: &Job, lease: LeaseToken, batch: &Batch) -> Result<Option<Ran>, PortError> {
        let parts = self.ports.batches.batch_parts(batch.id).await?;
        let tried = |part: &BatchPart| matches!(part.state, JobState::Succeeded | JobState::Failed);
        let done = !parts.is_empty() && parts.iter().all(tried);
        let status = if done { BatchStatus::Completed } else { BatchStatus::Expired };
        self.end(job, lease, batch, status).await
    }

    /// Ends a batch; `None` if it stands otherwise by now.
    async fn end(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        status: BatchStatus,
    ) -> Result<Option<Ran>, PortError> {
        // What Bedrock has answered is paid for, and delivered.
        if status != BatchStatus::Completed
            && let Some(look_at) = self.settle_bedrock(job, lease, batch).await?
        {
            return Ok(Some(later(look_at)));
        }
        let ended = self.finish_batch(job, lease, batch, status).await?;
        Ok(ended.then_some(Ran::Written { nudge: Vec::new() }))
    }
}

fn later(not_before: chrono::DateTime<chrono::Utc>) -> Ran {
    Ran::Finish(Finish::Later { not_before, used: None })
}

fn file_gone() -> BatchError {
    BatchError {
        code: "file_not_found".to_owned(),
        message: "The file of the batch is not there any more.".to_owned(),
        param: Some("input_file_id".to_owned()),
        line: None,
    }
}
