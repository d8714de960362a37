//! A batch done by Bedrock's batch inference: looked at now and then, stopped where its time runs short or nobody wants it
//! any more, and its answers found.
//!
//! Bedrock being away never costs a batch its time: what is not done when the reserve begins is done on demand.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_ports::{BatchModelState, BatchModels, PortError};
use outcrop_types::{Batch, BatchId, BedrockBatch, Choice, Job, LeaseToken, Way};

use super::bedrock_span::{called, found};
use super::{BedrockAnswers, index};
use crate::JobWorker;
use crate::turn::Turn;

/// How soon to look again at a job that was told to stop.
const STOPPING: Duration = Duration::from_secs(10);
/// How long the end of a batch waits for Bedrock to write what it has.
const ENDING: Duration = Duration::from_secs(15 * 60);
/// Shortest and longest pause of a batch that cannot be brought on for now.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(10 * 60)];

/// What became of a batch that was to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// Bedrock has it, or is to be asked again.
    Yes {
        /// When to look at it again.
        look_at: DateTime<Utc>,
    },
    /// It is done the other way that this says.
    Unfit(Choice),
}

/// How far Bedrock is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BedrockStep {
    /// It is at it.
    Wait {
        /// When to look again.
        look_at: DateTime<Utc>,
    },
    /// It does nothing any more: parts are cut, and find its answers by [`JobWorker::bedrock_answers`]. What it has not
    /// answered is done on demand.
    Done(Choice),
}

impl JobWorker {
    /// Looks at what Bedrock does of a batch; stops it where time runs short.
    pub(crate) async fn bedrock_step(
        &self,
        turn: &Turn,
        job: &Job,
        batch: &Batch,
    ) -> Result<BedrockStep, PortError> {
        let choice = chosen(job);
        let Some(bedrock) = &batch.bedrock else { return Ok(BedrockStep::Done(choice)) };
        let (now, until) = (self.ports.clock.now(), self.until(batch));
        let Some(models) = &self.ports.batch_models else {
            // Another worker may know Bedrock.
            let look_at = (now + self.patience(batch)).min(until);
            return self.done_unless(now < until, look_at, batch, choice).await;
        };
        let reserve = batch.expires_at - until;
        let state = seen(&**models, batch, bedrock).await;
        if let Some(state) = state.as_ref().filter(|state| **state != BatchModelState::Running) {
            found(state, turn.context(), now.into(), (batch, bedrock));
        }
        let ended = match state {
            None if now < until => {
                let look_at = (now + self.poll().max(self.patience(batch))).min(until);
                return Ok(BedrockStep::Wait { look_at });
            }
            Some(BatchModelState::Running) if now < until => {
                return Ok(BedrockStep::Wait { look_at: (now + self.poll()).min(until) });
            }
            // Stopping takes a while, in which it still writes what it has; but not for ever.
            None | Some(BatchModelState::Running) if now < until + reserve / 2 => {
                self.stop_bedrock(batch).await;
                return Ok(BedrockStep::Wait { look_at: now + self.poll().min(STOPPING) });
            }
            None | Some(BatchModelState::Running) => Some("It was stopped, for time ran short.".to_owned()),
            Some(BatchModelState::Completed) => None,
            Some(BatchModelState::Ended { why }) => Some(format!("It ended early ({why}).")),
            Some(BatchModelState::Gone) => Some("Bedrock does not know of it any more.".to_owned()),
        };
        let answers = self.write_index(batch, bedrock).await?;
        Ok(BedrockStep::Done(told(choice, batch, answers, ended)))
    }

    async fn done_unless(
        &self,
        waits: bool,
        look_at: DateTime<Utc>,
        batch: &Batch,
        choice: Choice,
    ) -> Result<BedrockStep, PortError> {
        let Some(bedrock) = batch.bedrock.as_ref().filter(|_| !waits) else {
            return Ok(BedrockStep::Wait { look_at });
        };
        let answers = self.write_index(batch, bedrock).await?;
        Ok(BedrockStep::Done(told(
            choice,
            batch,
            answers,
            Some("Nobody here knows Bedrock any more.".into()),
        )))
    }

    /// Has Bedrock do nothing further of a batch that is to end unfinished, and waits, within bounds, until it has written
    /// what it has. `None` once nothing more comes: the answers that are there can be found.
    pub(crate) async fn settle_bedrock(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
    ) -> Result<Option<DateTime<Utc>>, PortError> {
        let (Some(bedrock), Some(models)) = (&batch.bedrock, &self.ports.batch_models) else {
            return Ok(None);
        };
        let now = self.ports.clock.now();
        let patient = now < batch.cancelling_at.unwrap_or(batch.expires_at) + ENDING;
        let again = now + self.poll().min(STOPPING);
        if bedrock.arn.is_empty() {
            return match models.find(&bedrock.region, &name_of(batch.id)).await {
                Ok(Some(arn)) => {
                    let bedrock = BedrockBatch { arn, ..bedrock.clone() };
                    let held = self
                        .ports
                        .batches
                        .bedrock_batch(batch.id, lease, Some(&bedrock), &chosen(job))
                        .await?;
                    Ok(held.then_some(now))
                }
                Ok(None) => Ok(None),
                Err(error) => {
                    warn(batch, &error, "a job of batch inference could not be looked for");
                    Ok(patient.then_some(again))
                }
            };
        }
        match seen(&**models, batch, bedrock).await {
            None | Some(BatchModelState::Running) if patient => {
                self.stop_bedrock(batch).await;
                return Ok(Some(again));
            }
            None | Some(BatchModelState::Running) => self.stop_bedrock(batch).await,
            Some(_) => {}
        }
        self.write_index(batch, bedrock).await?;
        Ok(None)
    }

    /// Bedrock's answers to these lines of a batch, if it made any.
    pub(crate) async fn bedrock_answers(
        &self,
        batch: &Batch,
        lines: Range<u64>,
    ) -> Result<Option<BedrockAnswers>, PortError> {
        let Some(bedrock) = batch.bedrock.as_ref().filter(|it| !it.arn.is_empty()) else { return Ok(None) };
        let index = key(batch.id, "index");
        BedrockAnswers::open(&self.ports.blobs, (answers_of(bedrock), &index), bedrock, lines).await
    }

    /// Has Bedrock do nothing further of a batch. Without success it ends by itself, later.
    pub(crate) async fn stop_bedrock(&self, batch: &Batch) {
        let (Some(bedrock), Some(models)) = (&batch.bedrock, &self.ports.batch_models) else { return };
        let found = if bedrock.arn.is_empty() {
            models.find(&bedrock.region, &name_of(batch.id)).await
        } else {
            Ok(Some(bedrock.arn.clone()))
        };
        let stopped = match found {
            Ok(Some(arn)) => {
                called("StopModelInvocationJob", batch, bedrock, models.stop(&bedrock.region, &arn)).await
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = stopped {
            warn(batch, &error, "a job of batch inference could not be stopped");
        }
    }

    /// When what Bedrock has not done is done on demand.
    pub(super) fn until(&self, batch: &Batch) -> DateTime<Utc> {
        let reserve =
            chrono::Duration::seconds(i64::try_from(self.options.ways.batch_reserve_s).unwrap_or(0));
        // A window that is no longer than that leaves half of it.
        batch.expires_at - reserve.min((batch.expires_at - batch.created_at) / 2)
    }

    /// How long to leave alone what is away: longer, the longer it is.
    pub(super) fn patience(&self, batch: &Batch) -> Duration {
        let since = batch.in_progress_at.unwrap_or(batch.created_at);
        let waited = (self.ports.clock.now() - since).to_std().unwrap_or_default();
        (waited / 4).clamp(PAUSES[0], PAUSES[1])
    }

    pub(super) fn poll(&self) -> Duration {
        Duration::from_millis(self.options.ways.batch_poll_ms)
    }

    async fn write_index(&self, batch: &Batch, bedrock: &BedrockBatch) -> Result<u64, PortError> {
        index::write(&*self.ports.blobs, &answers_of(bedrock), &key(batch.id, "index")).await
    }
}

/// Where a job stands; `None` if Bedrock does not say.
async fn seen(models: &dyn BatchModels, batch: &Batch, bedrock: &BedrockBatch) -> Option<BatchModelState> {
    match models.look(&bedrock.region, &bedrock.arn).await {
        Ok(state) => Some(state),
        Err(error) => {
            warn(batch, &error, "a job of batch inference could not be looked at");
            None
        }
    }
}

pub(super) fn warn(batch: &Batch, error: &PortError, what: &str) {
    tracing::warn!(batch.id = %batch.id, error = error.chain(), "{what}");
}

/// The name of a batch's job at Bedrock: always the same, so that submitting it twice is one submission.
pub(super) fn name_of(id: BatchId) -> String {
    format!("outcrop-{}", id.uuid())
}

fn chosen(job: &Job) -> Choice {
    let batch = || Choice { way: Way::Batch, reason: "By batch inference.".to_owned() };
    job.choice.clone().unwrap_or_else(batch)
}

/// What its owner hears in the end.
fn told(choice: Choice, batch: &Batch, answers: u64, ended: Option<String>) -> Choice {
    let mut reason = choice.reason;
    let left = batch.counts.total.saturating_sub(answers);
    for more in ended.into_iter().chain((left > 0).then(|| format!("{left} calls are left for on demand."))) {
        // Looked at again after it was broken off, it says so once.
        if !reason.contains(&more) {
            reason = format!("{reason} {more}");
        }
    }
    Choice { way: Way::Batch, reason }
}

/// The blobs that batch inference leaves behind.
pub(crate) fn blobs_of(id: BatchId, bedrock: &BedrockBatch) -> Vec<String> {
    let mut blobs = vec![bedrock.input.clone()];
    if !bedrock.arn.is_empty() {
        blobs.extend([
            answers_of(bedrock),
            format!("{}/manifest.json.out", folder_of(bedrock)),
            key(id, "index"),
        ]);
    }
    blobs
}

pub(super) fn key(id: BatchId, name: &str) -> String {
    format!("batches/{id}/bedrock/{name}")
}

/// Bedrock writes below a folder that is named like the end of the job's ARN.
fn folder_of(bedrock: &BedrockBatch) -> String {
    let job = bedrock.arn.rsplit('/').next().unwrap_or_default();
    format!("{}/{job}", bedrock.output)
}

/// It adds `.out` to the name of the file.
fn answers_of(bedrock: &BedrockBatch) -> String {
    let file = bedrock.input.rsplit('/').next().unwrap_or_default();
    format!("{}/{file}.out", folder_of(bedrock))
}
