//! Answers of Bedrock to a batch that ends before its parts came to them: they are paid for, so they are recorded and kept.

use outcrop_ports::{PortError, RecordOutput};
use outcrop_types::{Batch, Job, KeptLine, LeaseToken};

use super::line::{LineCall, PartCalls};
use super::line_span::LineSpan;
use crate::JobWorker;
use crate::owner::Barred;
use crate::ways::BedrockAnswers;

/// How long the end of a batch waits for what is away, to record an answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// What Bedrock has answered, and as whom it is recorded.
pub(super) struct Late {
    calls: PartCalls,
    answers: BedrockAnswers,
}

impl Late {
    pub(super) const fn answers(&mut self) -> &mut BedrockAnswers {
        &mut self.answers
    }
}

impl JobWorker {
    /// `None` if Bedrock has answered nothing.
    pub(super) async fn late(
        &self,
        job: &Job,
        lease: LeaseToken,
        batch: &Batch,
    ) -> Result<Option<Late>, PortError> {
        let Some(answers) = self.bedrock_answers(batch, 0..u64::MAX).await? else { return Ok(None) };
        let owner = match self.owner(job).await {
            Ok(owner) => owner,
            Err(Barred::Now(error)) => return Err(error),
            // It is paid for, whatever became of whoever asked.
            Err(Barred::Ever(_)) => job.principal.clone(),
        };
        let (path, way) = (job.path.clone(), outcrop_types::Way::OnDemand);
        let calls = PartCalls { batch: batch.id, part: job.id, lease, owner, path, way };
        Ok(Some(Late { calls, answers }))
    }

    /// Records the answer to a line, if there is one.
    pub(super) async fn record_late(
        &self,
        late: &Late,
        batch: &Batch,
        line: &LineCall,
    ) -> Result<Option<KeptLine>, PortError> {
        if !matches!(&line.made, Some((_, RecordOutput::Output(_)))) {
            return Ok(None);
        }
        let span = LineSpan::start(&late.calls, line);
        let answered = span.below(self.call_line(&late.calls, line)).await;
        let patient = self.ports.clock.now() < batch.cancelling_at.unwrap_or(batch.expires_at) + PATIENCE;
        match &answered {
            Ok(answer) if answer.status >= 429 && !answer.is_final && patient => {
                let why = format!("recording it was answered with {}", answer.status);
                return Err(PortError::unavailable("record an answer of batch inference", why));
            }
            Ok(_) => {}
            Err(_) if patient => return answered.map(|_| None),
            Err(_) => {}
        }
        let kept = self.written(&late.calls, line, answered).await?;
        span.kept(&kept);
        Ok(Some(kept))
    }
}
