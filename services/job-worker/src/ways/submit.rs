//! A batch on its way to Bedrock: its records written once, then submitted, as often as it takes.
//!
//! What was written is noted in the batch before it is submitted: where it goes, and how much it is. Whoever takes over from
//! a worker that died submits the very same again, which is one submission in Bedrock's eyes (by the name of the job).

use std::time::Duration;

use outcrop_ports::{BatchModelJob, PortError, PortFailure};
use outcrop_types::{Batch, BedrockBatch, Choice, Job, LeaseToken};

use super::WorkAtHand;
use super::bedrock::{Submitted, key, name_of, warn};
use super::bedrock_span::called;
use super::records::Written;
use crate::JobWorker;
use crate::owner::Barred;

const SUBMIT: &str = "submit a batch to batch inference";

/// What is to be submitted, or what is done instead.
enum Ready {
    Noted(BedrockBatch),
    Not(Submitted),
}

impl JobWorker {
    /// Writes the records of a batch in progress and submits them. Called again after it was broken off, it submits nothing
    /// twice. What cannot be submitted for now is tried again until its time runs short.
    pub(crate) async fn submit_bedrock(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
    ) -> Result<Submitted, PortError> {
        let (now, until) = (self.ports.clock.now(), self.until(batch));
        if now >= until {
            return self.too_late(job, lease, batch, choice).await;
        }
        match self.try_submit(job, lease, batch, choice).await {
            Err(error) if error.failure != PortFailure::Broken => {
                warn(batch, &error, "a batch could not be submitted to batch inference yet");
                Ok(Submitted::Yes { look_at: (now + self.patience(batch)).min(until) })
            }
            other => other,
        }
    }

    async fn try_submit(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
    ) -> Result<Submitted, PortError> {
        let noted = match self.ready(job, lease, batch, choice).await? {
            Ready::Noted(noted) => noted,
            Ready::Not(submitted) => return Ok(submitted),
        };
        let Some(asked) = self.asked(batch, &noted) else {
            return self.unfit(job, batch, "it is not set up here any more").await;
        };
        let Some(models) = &self.ports.batch_models else {
            return self.unfit(job, batch, "it is not set up here any more").await;
        };
        let submitted = called("CreateModelInvocationJob", batch, &noted, models.submit(&asked));
        let arn = match submitted.await {
            Ok(arn) => arn,
            Err(error) if error.failure == PortFailure::Broken => {
                warn(batch, &error, "Bedrock refuses a job of batch inference");
                return self.unfit(job, batch, "Bedrock refuses this job").await;
            }
            Err(error) => return Err(error),
        };
        self.note(lease, batch, choice, &BedrockBatch { arn, ..noted }).await?;
        tracing::info!(batch.id = %batch.id, "a batch is done by batch inference");
        Ok(Submitted::Yes { look_at: self.ports.clock.now() + self.poll() })
    }

    /// What is to be submitted: what was noted before, or what is written now.
    async fn ready(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
    ) -> Result<Ready, PortError> {
        let not = async |why: &str| self.unfit(job, batch, why).await.map(Ready::Not);
        let owner = match self.owner(job).await {
            Ok(owner) => owner,
            Err(Barred::Now(error)) => return Err(error),
            // Whoever works its lines off refuses them.
            Err(Barred::Ever(why)) => return not(why).await,
        };
        if let Some(noted) = &batch.bedrock {
            return Ok(Ready::Noted(noted.clone()));
        }
        let input = key(batch.id, "input.jsonl");
        let Some(written) = self.write_records(job, &owner, batch, &input).await? else {
            return Err(PortError::broken(SUBMIT, "its file is gone"));
        };
        let Some((model, region)) = self.enough(&written) else {
            let why = written.why.unwrap_or_else(|| "too few of its calls are fit for it".to_owned());
            return not(&why).await;
        };
        tracing::info!(batch.id = %batch.id, records = written.records, left_out = written.left_out, "records of a batch are written");
        let noted = BedrockBatch {
            arn: String::new(),
            region,
            model,
            input,
            output: key(batch.id, "output"),
            records: written.records,
            submitted_at: self.ports.clock.now(),
        };
        self.note(lease, batch, choice, &noted).await?;
        Ok(Ready::Noted(noted))
    }

    /// The same whoever asks, and when.
    fn asked(&self, batch: &Batch, noted: &BedrockBatch) -> Option<BatchModelJob> {
        let blobs = &self.ports.blobs;
        Some(BatchModelJob {
            name: name_of(batch.id),
            model: noted.model.clone(),
            region: noted.region.clone(),
            input: blobs.s3_uri(&noted.input)?,
            output: format!("{}/", blobs.s3_uri(&noted.output)?),
            timeout: (batch.expires_at - noted.submitted_at).to_std().unwrap_or(Duration::ZERO),
        })
    }

    async fn note(
        &self,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
        noted: &BedrockBatch,
    ) -> Result<(), PortError> {
        if self.ports.batches.bedrock_batch(batch.id, lease, Some(noted), choice).await? {
            return Ok(());
        }
        // Whoever looks after it now finds the job by its name, unless the batch has ended meanwhile.
        let now = self.ports.batches.lookup_batch(batch.id).await?;
        if now.is_none_or(|it| it.status.is_final()) {
            self.stop_bedrock(&Batch { bedrock: Some(noted.clone()), ..batch.clone() }).await;
        }
        Err(PortError::unavailable(SUBMIT, "somebody else looks after it by now"))
    }

    /// Time runs short: a submission whose answer was lost is looked for, and else the batch is done otherwise.
    async fn too_late(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        choice: &Choice,
    ) -> Result<Submitted, PortError> {
        if let (Some(noted), Some(models)) = (&batch.bedrock, &self.ports.batch_models) {
            match models.find(&noted.region, &name_of(batch.id)).await {
                Ok(Some(arn)) => {
                    self.note(lease, batch, choice, &BedrockBatch { arn, ..noted.clone() }).await?;
                    return Ok(Submitted::Yes { look_at: self.ports.clock.now() });
                }
                Ok(None) => {}
                Err(error) => warn(batch, &error, "a job of batch inference could not be looked for"),
            }
        }
        self.unfit(job, batch, "Bedrock did not take it in time").await
    }

    /// Where the records go, if there are enough of them.
    fn enough(&self, written: &Written) -> Option<(String, String)> {
        let enough = written.records >= self.options.ways.batch_min_records;
        written.to.clone().filter(|_| enough)
    }

    async fn unfit(&self, job: &Job, batch: &Batch, why: &str) -> Result<Submitted, PortError> {
        let work = WorkAtHand {
            principal: &job.principal,
            path: &batch.endpoint,
            model: batch.model.as_deref(),
            calls: batch.counts.total,
            deadline: Some(batch.expires_at),
        };
        Ok(Submitted::Unfit(self.choose_past_batch(&work, why).await?))
    }
}
