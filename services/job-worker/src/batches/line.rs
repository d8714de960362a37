//! One line: called until there is an answer that will not get better, and written as it will stand in the output.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{BatchRecord, InferenceAnswer, InferenceCall, PortError, PortFailure, RecordOutput};
use outcrop_types::{BatchId, JobId, KeptLine, LeaseToken, Principal, RequestId, Used, Way};
use outcrop_wire::openai::batches::{self, Ended};
use tokio_util::sync::CancellationToken;

use super::gate::Slot;
use super::keep::ToKeep;
use super::line_span::LineSpan;
use crate::JobWorker;
use crate::turn::current_of;

/// The longest that one call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(600);
/// The longest pause that a line makes in its place; for longer its part is put off, and the worker free.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest that a part is put off at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// How often a line waits in its place for room in a limit before its part is put off.
const BUSY_TRIES: u32 = 4;
/// A call that fails sooner never began: the service is away, which says nothing about the line.
const NEVER_BEGAN: Duration = Duration::from_secs(30);
/// Longest text that is kept in a row, bytes; what is longer is a blob.
const LONGEST_TEXT: usize = 64 * 1024;

/// What all lines of a part have in common.
pub(super) struct PartCalls {
    pub(super) batch: BatchId,
    pub(super) part: JobId,
    pub(super) lease: LeaseToken,
    pub(super) owner: Principal,
    pub(super) path: String,
    pub(super) way: Way,
}

/// One call of a line.
pub(super) struct LineCall {
    pub(super) number: u64,
    pub(super) custom_id: String,
    pub(super) body: Bytes,
    /// What Bedrock's batch inference made of it, if it did.
    pub(super) made: Option<(BatchRecord, RecordOutput)>,
}

/// How the work on a line ended for now.
pub(super) enum LineEnd {
    /// It can be kept.
    Keep(Box<ToKeep>),
    /// Later, and all of its part with it.
    PutOff(Duration),
}

/// What an answer means.
enum Verdict {
    Ended,
    /// Trying again may help, but the line has no end of tries.
    Failing(Duration),
    /// There is no room, or nobody who could answer: tries do not count.
    Busy {
        /// How long to wait.
        pause: Duration,
        /// Whether fewer calls at once would help.
        too_much: bool,
    },
}

impl PartCalls {
    /// The id of the call of a line: always the same, so that nothing is billed twice.
    pub(super) fn request_id(&self, number: u64) -> Option<RequestId> {
        RequestId::parse(&format!("{}-{number}", self.batch))
    }

    /// A line that ended without an answer.
    pub(super) fn failure(&self, number: u64, custom_id: &str, code: &str, message: &str) -> KeptLine {
        failure(self.batch, number, custom_id, code, message)
    }
}

/// A line of a batch that ended without an answer.
pub(super) fn failure(batch: BatchId, number: u64, custom_id: &str, code: &str, message: &str) -> KeptLine {
    let text = batches::write_line(&id_of(batch, number), custom_id, Ended::Failure { code, message });
    KeptLine { line: number, ok: false, text, blob: None, used: Used::default() }
}

/// The id of a line in the output.
fn id_of(batch: BatchId, number: u64) -> String {
    format!("batch_req_{}-{number}", batch.uuid().as_simple())
}

impl JobWorker {
    /// Calls a line until it has ended, or is put off. `halt` says that no call may begin any more.
    pub(super) async fn do_line(
        &self,
        calls: &Arc<PartCalls>,
        line: LineCall,
        slot: Slot,
        halt: &CancellationToken,
    ) -> Result<LineEnd, PortError> {
        let span = LineSpan::start(calls, &line);
        let ended = span.below(self.try_line(calls, &line, slot, halt)).await;
        span.end(&ended);
        ended
    }

    async fn try_line(
        &self,
        calls: &Arc<PartCalls>,
        line: &LineCall,
        slot: Slot,
        halt: &CancellationToken,
    ) -> Result<LineEnd, PortError> {
        let (mut failed, mut busy, mut used) = (0, 0, Used::default());
        loop {
            let permit = tokio::select! {
                biased;
                () = halt.cancelled() => return Ok(LineEnd::PutOff(Duration::ZERO)),
                permit = self.lines.pass() => permit,
            };
            let mark = slot.mark();
            let began = tokio::time::Instant::now();
            let answered = self.call_line(calls, line).await;
            if let Ok(answer) = &answered {
                // What a try cost is paid, whether it helped or not.
                used += answer.used;
            }
            let pause = match verdict(&answered, began.elapsed(), failed + busy) {
                Verdict::Ended => {
                    if matches!(&answered, Ok(answer) if answer.status < 400) {
                        slot.went_well();
                    }
                    let line = KeptLine { used, ..self.written(calls, line, answered).await? };
                    return Ok(LineEnd::Keep(Box::new(ToKeep { line, slot, permit })));
                }
                Verdict::Failing(_) if failed + 1 >= self.options.batches.line_attempts => {
                    let line = KeptLine { used, ..self.written(calls, line, answered).await? };
                    return Ok(LineEnd::Keep(Box::new(ToKeep { line, slot, permit })));
                }
                Verdict::Failing(pause) => {
                    failed += 1;
                    pause.min(LONGEST_PAUSE)
                }
                Verdict::Busy { pause, too_much } => {
                    if too_much {
                        slot.was_too_much(mark);
                    }
                    busy += 1;
                    if busy >= BUSY_TRIES || pause > LONGEST_PAUSE {
                        return Ok(LineEnd::PutOff(pause.min(LONGEST_WAIT)));
                    }
                    pause
                }
            };
            // Somebody else's line may be called meanwhile.
            drop(permit);
            tokio::select! {
                () = halt.cancelled() => return Ok(LineEnd::PutOff(Duration::ZERO)),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    pub(super) async fn call_line(
        &self,
        calls: &PartCalls,
        line: &LineCall,
    ) -> Result<InferenceAnswer, PortError> {
        let no_id = || PortError::broken("call a line of a batch", "its id is none");
        let call = InferenceCall {
            principal: calls.owner.clone(),
            path: calls.path.clone(),
            body: line.body.clone(),
            request_id: calls.request_id(line.number).ok_or_else(no_id)?,
            deadline: CALL_DEADLINE,
            way: calls.way,
            response: None,
        };
        let (current, inference) = (current_of(&call), &self.ports.inference);
        match &line.made {
            Some((record, output)) => {
                current.scope(inference.recorded(call, record.clone(), output.clone())).await
            }
            None => current.scope(inference.call(call)).await,
        }
    }

    /// The line as it will stand in the output or in the file of errors.
    pub(super) async fn written(
        &self,
        calls: &PartCalls,
        line: &LineCall,
        answered: Result<InferenceAnswer, PortError>,
    ) -> Result<KeptLine, PortError> {
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(job.id = %calls.part, batch.id = %calls.batch, batch.line_number = line.number, error = error.chain(), "a line of a batch failed");
                let message = "The call failed, and was tried as often as it may be.";
                return Ok(calls.failure(line.number, &line.custom_id, "server_error", message));
            }
        };
        let request_id = calls.request_id(line.number).map(|id| id.to_string()).unwrap_or_default();
        let ended = Ended::Answer { status: answer.status, request_id: &request_id, body: &answer.body };
        let mut kept = KeptLine {
            line: line.number,
            ok: answer.status < 400,
            text: batches::write_line(&id_of(calls.batch, line.number), &line.custom_id, ended),
            blob: None,
            used: answer.used,
        };
        if kept.text.len() > LONGEST_TEXT {
            // With the lease in its name: who comes later cannot change what is kept.
            let key = format!("batches/{}/lines/{}-{}", calls.batch, line.number, calls.lease.0);
            self.ports.blobs.put(&key, Bytes::from(std::mem::take(&mut kept.text))).await?;
            kept.blob = Some(key);
        }
        Ok(kept)
    }
}

fn verdict(answered: &Result<InferenceAnswer, PortError>, took: Duration, tries: u32) -> Verdict {
    let backoff = Duration::from_secs(1 << tries.min(3));
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) if error.failure != PortFailure::Unavailable => return Verdict::Ended,
        Err(_) if took < NEVER_BEGAN => return Verdict::Busy { pause: backoff, too_much: false },
        Err(_) => return Verdict::Failing(backoff),
    };
    let pause = answer.retry_after.unwrap_or(backoff);
    match answer.status {
        _ if answer.is_final => Verdict::Ended,
        429 | 503 | 529 => Verdict::Busy { pause, too_much: true },
        408 | 500..=599 => Verdict::Failing(pause.max(backoff)),
        _ => Verdict::Ended,
    }
}
