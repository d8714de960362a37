//! A part of a batch: its lines called and kept, then put into one place.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{Finish, LinesKept, PartEnded, PortError, PortFailure};
use outcrop_telemetry::current;
use outcrop_types::{Batch, BatchId, BatchPart, Job, KeptLine, LeaseToken};
use outcrop_wire::openai::batches;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::blob_of;
use super::keep::ToKeep;
use super::line::{LineCall, LineEnd, PartCalls};
use super::output::Output;
use super::reader::LineReader;
use crate::JobWorker;
use crate::owner::Barred;
use crate::run_job::Ran;
use crate::ways::BedrockAnswers;

/// Kept lines that are read at once: together no more than a few MiB, as longer ones are blobs.
const PAGE: usize = 50;

/// How far the lines of a part came.
enum Fed {
    /// All of them ended.
    All,
    /// Some are to be done later.
    Rest(Duration),
}

/// A part that is being worked off.
struct Work<'a> {
    job: &'a Job,
    lease: LeaseToken,
    batch: Batch,
    part: BatchPart,
    kept: HashSet<u64>,
}

impl JobWorker {
    /// Works the lines of a part off. Told to stop, it begins no further line, keeps what is under way for a moment, and
    /// gives the part back. Told to rest, it does the same with as many moments as it takes.
    pub(crate) async fn run_part(
        &self,
        job: &Job,
        lease: LeaseToken,
        stop: &CancellationToken,
        rest: &CancellationToken,
    ) -> Ran {
        match self.work_part(job, lease, stop, rest).await {
            Ok(ran) => ran,
            Err(error) => self.interrupted(job, &error),
        }
    }

    async fn work_part(
        &self,
        job: &Job,
        lease: LeaseToken,
        stop: &CancellationToken,
        rest: &CancellationToken,
    ) -> Result<Ran, PortError> {
        let nothing = Ran::Written { nudge: Vec::new() };
        let Some((id, part)) = self.ports.batches.lookup_part(job.id).await? else { return Ok(nothing) };
        let Some(batch) = self.ports.batches.lookup_batch(id).await? else { return Ok(nothing) };
        let kept = self.ports.batches.kept_numbers(job.id).await?.into_iter().collect();
        let work = Work { job, lease, batch, part, kept };
        let owner = match self.owner(job).await {
            Ok(owner) => owner,
            Err(Barred::Now(error)) => return Err(error),
            Err(Barred::Ever(why)) => return self.bar_part(&work, why).await,
        };
        let calls = Arc::new(PartCalls {
            batch: id,
            part: job.id,
            lease,
            owner,
            path: job.path.clone(),
            way: self.way_now(job),
        });
        match self.work_lines(&work, &calls, stop, rest).await? {
            None => Ok(nothing),
            Some(Fed::Rest(wait)) => {
                Ok(Ran::Finish(Finish::Later { not_before: self.ports.clock.now() + wait, used: None }))
            }
            Some(Fed::All) => self.close_part(&work).await,
        }
    }

    /// Calls and keeps what is not kept yet; `None` if the lease was lost.
    async fn work_lines(
        &self,
        work: &Work<'_>,
        calls: &Arc<PartCalls>,
        stop: &CancellationToken,
        rest: &CancellationToken,
    ) -> Result<Option<Fed>, PortError> {
        if work.kept.len() as u64 >= u64::from(work.part.lines) {
            return Ok(Some(Fed::All));
        }
        let (halt, hurry) = (rest.child_token(), stop.child_token());
        let (sender, receiver) = mpsc::channel(self.options.batches.lines_at_once.max(1));
        let keeping = async {
            let kept = self.keep_all(work.job.id, work.lease, receiver).await;
            if !matches!(kept, Ok(Some(_))) {
                // Further answers would be for nothing.
                halt.cancel();
                hurry.cancel();
            }
            kept
        };
        let (fed, kept) = tokio::join!(self.feed(work, calls, sender, (&halt, &hurry)), keeping);
        Ok(if kept?.is_some() { Some(fed?) } else { None })
    }

    /// Begins line after line, as many at once as may be.
    async fn feed(
        &self,
        work: &Work<'_>,
        calls: &Arc<PartCalls>,
        sender: mpsc::Sender<ToKeep>,
        (halt, hurry): (&CancellationToken, &CancellationToken),
    ) -> Result<Fed, PortError> {
        let mut answers = self.answers_of(work).await?;
        let mut reader = self.lines_of(work.job, &work.part).await?;
        let mut tasks: JoinSet<Result<Option<Duration>, PortError>> = JoinSet::new();
        let mut ended = Ok(Fed::All);
        while !halt.is_cancelled() {
            while let Some(joined) = tasks.try_join_next() {
                ended = after(ended, joined);
            }
            if !matches!(ended, Ok(Fed::All)) {
                break;
            }
            // Whatever fails here, the lines under way are kept: they are paid for.
            let line = match reader.next().await {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            let Some(text) = line.text.as_deref().filter(|text| !text.is_empty()) else { continue };
            if work.kept.contains(&line.number) {
                continue;
            }
            let call = match self.line_call(line.number, text, answers.as_mut()).await {
                Ok(call) => call,
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            };
            let window = self.lines.window(calls.owner.team, &calls.path, &model_of(&work.batch, &call.body));
            let slot = tokio::select! {
                () = halt.cancelled() => break,
                slot = window.enter() => slot,
            };
            let (worker, calls, sender, halt) =
                (self.clone(), Arc::clone(calls), sender.clone(), halt.clone());
            tasks.spawn(current::carry(async move {
                match worker.do_line(&calls, call, slot, &halt).await? {
                    LineEnd::PutOff(wait) => Ok(Some(wait)),
                    // Whoever keeps lines is gone only if the lease is.
                    LineEnd::Keep(line) => Ok(sender.send(*line).await.err().map(|_| Duration::ZERO)),
                }
            }));
        }
        if halt.is_cancelled() && matches!(ended, Ok(Fed::All)) {
            ended = Ok(Fed::Rest(Duration::ZERO));
        }
        drain(tasks, ended, hurry, self.options.drain * 2 / 5).await
    }

    /// Reads the lines of a part.
    pub(super) async fn lines_of(&self, job: &Job, part: &BatchPart) -> Result<LineReader, PortError> {
        let range = part.from_byte..part.to_byte;
        let longest = self.options.batches.max_line_bytes;
        let blobs = &*self.ports.blobs;
        let reader = LineReader::open(blobs, &job.input, Some(range), part.first_line, longest).await?;
        reader.ok_or_else(|| PortError::broken("read the file of a batch", "its blob is gone"))
    }

    async fn answers_of(&self, work: &Work<'_>) -> Result<Option<BedrockAnswers>, PortError> {
        if work.batch.bedrock.is_none() {
            return Ok(None);
        }
        // Up to the next part: blank lines count as well, so that how many requests there are does not tell.
        let parts = self.ports.batches.batch_parts(work.batch.id).await?;
        let next = parts.iter().find(|part| part.number == work.part.number + 1);
        let end = next.map_or(u64::MAX, |part| part.first_line);
        self.bedrock_answers(&work.batch, work.part.first_line..end).await
    }

    /// The call of a line that was found good before.
    pub(super) async fn line_call(
        &self,
        number: u64,
        text: &[u8],
        answers: Option<&mut BedrockAnswers>,
    ) -> Result<LineCall, PortError> {
        let changed = || PortError::broken("read a line of a batch", "it is not what was checked");
        let call = batches::read(text).ok_or_else(changed)?;
        let made = match answers {
            Some(answers) => match answers.take(number).await {
                // One that cannot be read is none, or its part would never end.
                Err(error) if error.failure == PortFailure::Broken => {
                    tracing::warn!(
                        batch.line_number = number,
                        error = error.chain(),
                        "an answer of batch inference is unreadable"
                    );
                    None
                }
                taken => taken?,
            },
            None => None,
        };
        // Copied: a line that is under way shall not hold a whole piece of the file.
        let body = Bytes::copy_from_slice(call.body.as_bytes());
        Ok(LineCall { number, custom_id: call.custom_id.into_owned(), body, made })
    }

    /// Ends all lines of a part whose owner may not do it any more.
    async fn bar_part(&self, work: &Work<'_>, why: &str) -> Result<Ran, PortError> {
        let mut reader = self.lines_of(work.job, &work.part).await?;
        let mut group: Vec<KeptLine> = Vec::with_capacity(PAGE);
        loop {
            let line = reader.next().await?;
            let at_end = line.is_none();
            if let Some(line) = line
                && let Some(text) = line.text.as_deref().filter(|text| !text.is_empty())
                && !work.kept.contains(&line.number)
            {
                let call = self.line_call(line.number, text, None).await?;
                let id = work.batch.id;
                group.push(super::line::failure(id, line.number, &call.custom_id, "not_allowed", why));
            }
            if group.len() >= PAGE || (at_end && !group.is_empty()) {
                let kept = self.ports.batches.keep_lines(work.job.id, work.lease, &group).await?;
                if kept == LinesKept::Lost {
                    return Ok(Ran::Written { nudge: Vec::new() });
                }
                group.clear();
            }
            if at_end {
                return self.close_part(work).await;
            }
        }
    }

    /// Puts what is kept of a part into its two blobs.
    async fn close_part(&self, work: &Work<'_>) -> Result<Ran, PortError> {
        let blobs = &*self.ports.blobs;
        let (id, number) = (work.batch.id, Some(work.part.number));
        let mut output = Output::new(blobs, blob_of(id, number, "output", work.lease));
        let mut errors = Output::new(blobs, blob_of(id, number, "errors", work.lease));
        let mut gathered = 0_u64;
        let large = self.gather(&work.part, &mut output, &mut errors, |_| gathered += 1).await?;
        if gathered < u64::from(work.part.lines) {
            // As when another has closed the part meanwhile, and its lines are forgotten.
            return Err(PortError::broken("close a part of a batch", "not all of its lines are kept"));
        }
        let (output, errors) = (output.finish().await?, errors.finish().await?);
        let keys = [&output, &errors].map(|written| written.as_ref().map(|written| written.key.as_str()));
        let now = self.ports.clock.now();
        let ended = self.ports.batches.finish_part(work.job.id, work.lease, keys[0], keys[1], now).await?;
        if ended == PartEnded::Lost {
            let unused: Vec<_> = keys.into_iter().flatten().map(str::to_owned).collect();
            self.ports.jobs.note_leftovers(&unused).await?;
            self.clear_away(unused);
        } else {
            self.clear_away(large);
        }
        let nudge = if ended == PartEnded::WasLast { vec![job_of(id)] } else { Vec::new() };
        Ok(Ran::Written { nudge })
    }

    /// Writes the kept lines of a part to where they belong. Gives the blobs of the long ones.
    pub(super) async fn gather<'o>(
        &self,
        part: &BatchPart,
        output: &mut Output<'o>,
        errors: &mut Output<'o>,
        mut seen: impl FnMut(u64) + Send,
    ) -> Result<Vec<String>, PortError> {
        let (mut after, mut large) = (0, Vec::new());
        loop {
            let page = self.ports.batches.kept_lines(part.job, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(large) };
            after = last.line;
            for line in page {
                seen(line.line);
                (if line.ok { &mut *output } else { &mut *errors }).kept(&line).await?;
                large.extend(line.blob);
            }
        }
    }

    /// Removes blobs that are noted as left over, apart from the job that left them: its claim is over, and nobody waits. What
    /// is not removed here, whoever looks through the notes removes.
    pub(super) fn clear_away(&self, keys: Vec<String>) {
        let worker = self.clone();
        tokio::spawn(current::carry(async move {
            let mut removed = Vec::with_capacity(keys.len());
            for key in keys {
                match worker.ports.blobs.delete(&key).await {
                    Ok(()) => removed.push(key),
                    Err(error) => {
                        tracing::warn!(
                            blob = key,
                            error = error.chain(),
                            "could not remove an unused blob yet"
                        );
                    }
                }
            }
            if let Err(error) = worker.ports.jobs.forget_leftovers(&removed).await {
                tracing::warn!(error = error.chain(), "could not strike removed blobs off");
            }
        }));
    }
}

/// Waits for the lines that are under way; not for long, if the process is about to stop.
async fn drain(
    mut tasks: JoinSet<Result<Option<Duration>, PortError>>,
    mut ended: Result<Fed, PortError>,
    hurry: &CancellationToken,
    moment: Duration,
) -> Result<Fed, PortError> {
    let patience = async {
        hurry.cancelled().await;
        tokio::time::sleep(moment).await;
    };
    tokio::pin!(patience);
    loop {
        tokio::select! {
            joined = tasks.join_next() => match joined {
                Some(joined) => ended = after(ended, joined),
                None => return ended,
            },
            () = &mut patience => return Ok(Fed::Rest(Duration::ZERO)),
        }
    }
}

/// How far the lines came, after one more has ended.
fn after(
    ended: Result<Fed, PortError>,
    joined: Result<Result<Option<Duration>, PortError>, tokio::task::JoinError>,
) -> Result<Fed, PortError> {
    match (ended?, joined) {
        (_, Err(panic)) => Err(PortError::broken("call a line of a batch", panic)),
        (_, Ok(Err(error))) => Err(error),
        (Fed::Rest(one), Ok(Ok(Some(other)))) => Ok(Fed::Rest(one.max(other))),
        (Fed::All, Ok(Ok(Some(wait)))) => Ok(Fed::Rest(wait)),
        (ended, Ok(Ok(None))) => Ok(ended),
    }
}

/// The model of a line: where a batch has several, what the line says.
fn model_of(batch: &Batch, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        #[serde(default)]
        model: String,
    }
    let said = || serde_json::from_slice(body).map(|said: Said| said.model).unwrap_or_default();
    batch.model.clone().unwrap_or_else(said)
}

fn job_of(id: BatchId) -> outcrop_types::JobId {
    outcrop_types::JobId::new(id.uuid())
}
