//! The end of a batch: what its parts made put together, in the order of the file.

use std::collections::HashSet;

use outcrop_ports::{BatchEnd, PortError};
use outcrop_types::{
    Batch, BatchPart, BatchStatus, FileId, FilePurpose, FileStatus, Job, JobState, KeptLine, LeaseToken,
    StoredFile, Used,
};

use super::blob_of;
use super::late::Late;
use super::line::failure;
use super::output::{Output, Written};
use crate::JobWorker;
use crate::ways::blobs_of;

const DAY_S: u64 = 24 * 60 * 60;
/// The code of lines whose part was set aside.
const SET_ASIDE: &str = "part_failed";

/// How the lines of a part ended that were never kept.
#[derive(Default)]
struct Ended {
    completed: u64,
    failed: u64,
    used: Used,
    /// Of long lines.
    blobs: Vec<String>,
}

impl Ended {
    fn add(&mut self, line: KeptLine) {
        *(if line.ok { &mut self.completed } else { &mut self.failed }) += 1;
        self.used += line.used;
        self.blobs.extend(line.blob);
    }
}

/// What was put together.
struct Made {
    output: Option<Written>,
    errors: Option<Written>,
    completed: u64,
    failed: u64,
    /// What lines used that were recorded here.
    used: Used,
    /// Blobs that nobody needs once the batch has ended.
    leftover: Vec<String>,
}

impl JobWorker {
    /// Puts a batch together whose parts all stand still, and ends it so. `false` if it stands otherwise by now.
    pub(super) async fn finish_batch(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        status: BatchStatus,
    ) -> Result<bool, PortError> {
        if !self.ports.batches.finalize_batch(batch.id, lease, self.ports.clock.now()).await? {
            return Ok(false);
        }
        let made = self.put_together(job, lease, batch, status).await?;
        let bedrock = batch.bedrock.as_ref().map(|bedrock| blobs_of(batch.id, bedrock)).unwrap_or_default();
        let end = BatchEnd {
            status,
            output: made.output.as_ref().map(|written| self.file(job, batch, written, "output")),
            errors: made.errors.as_ref().map(|written| self.file(job, batch, written, "errors")),
            completed: made.completed,
            failed: made.failed,
            leftovers: made.leftover.into_iter().chain(bedrock).collect(),
        };
        if made.used != Used::default() {
            self.ports.batches.add_batch_use(batch.id, lease, made.used).await?;
        }
        let ended = self.ports.batches.finish_batch(batch.id, lease, &end, self.ports.clock.now()).await?;
        if ended {
            if let Some(bedrock) = &batch.bedrock
                && (status != BatchStatus::Completed || bedrock.arn.is_empty())
            {
                self.stop_bedrock(batch).await;
            }
            tracing::info!(batch.id = %batch.id, status = status.name(), completed = end.completed, failed = end.failed, "batch ended");
            self.clear_away(end.leftovers);
        } else {
            let unused: Vec<_> = [made.output, made.errors].into_iter().flatten().map(|it| it.key).collect();
            self.ports.jobs.note_leftovers(&unused).await?;
            self.clear_away(unused);
        }
        Ok(ended)
    }

    async fn put_together(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
        status: BatchStatus,
    ) -> Result<Made, PortError> {
        let blobs = &*self.ports.blobs;
        let mut output = Output::new(blobs, blob_of(batch.id, None, "output", lease));
        let mut errors = Output::new(blobs, blob_of(batch.id, None, "errors", lease));
        let (mut completed, mut failed, mut used) = (0_u64, 0_u64, Used::default());
        let (mut leftover, mut late) = (Vec::new(), self.late(job, lease, batch).await?);
        let mut parts = self.ports.batches.batch_parts(batch.id).await?;
        if parts.is_empty() && batch.counts.total > 0 {
            parts.push(self.whole_file(job).await?);
        }
        for part in parts {
            completed += u64::from(part.completed);
            failed += u64::from(part.failed);
            if part.state == JobState::Succeeded {
                for (blob, into) in [(&part.output, &mut output), (&part.errors, &mut errors)] {
                    if let Some(blob) = blob {
                        into.blob(blob).await?;
                        leftover.push(blob.clone());
                    }
                }
                continue;
            }
            let mut kept = HashSet::new();
            let large = self
                .gather(&part, &mut output, &mut errors, |line| {
                    kept.insert(line);
                })
                .await?;
            leftover.extend(large);
            let ended = self
                .give_up((job, batch, &part), &kept, status, &mut late, (&mut output, &mut errors))
                .await?;
            completed += ended.completed;
            failed += ended.failed;
            used += ended.used;
            leftover.extend(ended.blobs);
        }
        let (output, errors) = (output.finish().await?, errors.finish().await?);
        Ok(Made { output, errors, completed, failed, used, leftover })
    }

    /// Writes the lines of a part that were never kept: those that Bedrock has answered as they are answered, the others
    /// among the failures.
    async fn give_up<'o>(
        &self,
        (job, batch, part): (&Job, &Batch, &BatchPart),
        kept: &HashSet<u64>,
        status: BatchStatus,
        late: &mut Option<Late>,
        (output, errors): (&mut Output<'o>, &mut Output<'o>),
    ) -> Result<Ended, PortError> {
        let (code, message) = match status {
            _ if part.state == JobState::Failed => (
                SET_ASIDE,
                "The part of the batch with this request was tried as often as it may be and never ended.",
            ),
            BatchStatus::Cancelled => {
                ("batch_cancelled", "The batch was cancelled before this request was answered.")
            }
            _ => {
                ("batch_expired", "This request could not be executed before the completion window expired.")
            }
        };
        let mut ended = Ended::default();
        let mut reader = self.lines_of(job, part).await?;
        while let Some(line) = reader.next().await? {
            let Some(text) = line.text.as_deref().filter(|text| !text.is_empty()) else { continue };
            if kept.contains(&line.number) {
                continue;
            }
            let call = self.line_call(line.number, text, late.as_mut().map(Late::answers)).await?;
            let answered = match late {
                Some(late) => self.record_late(late, batch, &call).await?,
                None => None,
            };
            match answered {
                Some(line) => {
                    (if line.ok { &mut *output } else { &mut *errors }).kept(&line).await?;
                    ended.add(line);
                }
                None => {
                    errors.line(&failure(batch.id, line.number, &call.custom_id, code, message).text).await?;
                    ended.failed += 1;
                }
            }
        }
        Ok(ended)
    }

    /// A batch that was never cut, as one part.
    async fn whole_file(&self, job: &Job) -> Result<BatchPart, PortError> {
        let gone = || PortError::broken("read the file of a batch", "its blob is gone");
        let to_byte = self.ports.blobs.size(&job.input).await?.ok_or_else(gone)?;
        Ok(BatchPart {
            job: job.id,
            number: 0,
            first_line: 1,
            lines: 0,
            from_byte: 0,
            to_byte,
            state: JobState::Queued,
            completed: 0,
            failed: 0,
            used: Used::default(),
            output: None,
            errors: None,
        })
    }

    fn file(&self, job: &Job, batch: &Batch, written: &Written, what: &str) -> StoredFile {
        let now = self.ports.clock.now();
        let days = u64::from(self.options.files.batch_output_days);
        let kept_s = batch.output_expires_after_s.or((days > 0).then_some(days * DAY_S));
        StoredFile {
            id: FileId::new(self.ports.ids.uuid()),
            team: batch.team,
            owner: job.principal.subject,
            purpose: FilePurpose::BatchOutput,
            filename: format!("{}_{what}.jsonl", batch.id),
            bytes: written.bytes,
            sha256: Some(written.sha256.clone()),
            status: FileStatus::Uploaded,
            blob: written.key.clone(),
            created_at: now,
            expires_at: kept_s.map(|seconds| now + std::time::Duration::from_secs(seconds)),
        }
    }
}
