//! Forgetting jobs and batches that ended long ago, with what is kept of them.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use outcrop_ports::PortError;
use outcrop_types::{BatchId, Job, JobKind};
use tokio_util::sync::CancellationToken;

use crate::JobWorker;
use crate::ways::blobs_of;

/// How often it is looked for what can be forgotten.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// Most jobs that are read at a time.
const PAGE: usize = 100;
/// Most jobs that one round passes over because they cannot be forgotten.
const MOST_STUCK: usize = 1_000;
/// How many blobs are removed at a time.
const AT_ONCE: usize = 8;
/// Most kept lines that are read at a time.
const LINES: usize = 500;

impl JobWorker {
    /// Forgets jobs when their time is over, for ever.
    pub(crate) async fn forget_old(self, stop: CancellationToken) {
        let days = self.options.jobs.retention_days;
        if days == 0 {
            return stop.cancelled().await;
        }
        while !stop.is_cancelled() {
            let forgetting = self.forget_ended(TimeDelta::days(days.into()));
            let forgotten = tokio::select! {
                () = stop.cancelled() => return,
                forgotten = forgetting => forgotten,
            };
            match forgotten {
                Ok(0) => {}
                Ok(jobs) => tracing::info!(jobs, "forgot jobs that ended long ago"),
                Err(error) => tracing::warn!(error = error.chain(), "could not forget old jobs"),
            }
            let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
        }
    }

    /// Forgets what ended longer ago than this. The blobs go first: of what is broken off in between, the row remains, and the
    /// next one finds it.
    async fn forget_ended(&self, age: TimeDelta) -> Result<usize, PortError> {
        let before = self.ports.clock.now() - age;
        let (mut forgotten, mut stuck) = (0, HashSet::new());
        loop {
            // What cannot be forgotten now stays at the head, and keeps nothing behind it.
            let limit = PAGE + stuck.len();
            let page = self.ports.jobs.ended_jobs(before, limit).await?;
            let is_last = page.len() < limit;
            for job in page {
                if stuck.contains(&job.id) {
                    continue;
                }
                match self.forget_one(&job).await {
                    Ok(()) => forgotten += 1,
                    Err(error) => {
                        tracing::warn!(job.id = %job.id, error = error.chain(), "could not forget an old job");
                        stuck.insert(job.id);
                    }
                }
            }
            if is_last || stuck.len() >= MOST_STUCK {
                return Ok(forgotten);
            }
        }
    }

    async fn forget_one(&self, job: &Job) -> Result<(), PortError> {
        for key in self.blobs_of(job).await? {
            self.ports.blobs.delete(&key).await?;
        }
        self.ports.jobs.forget_job(job.id).await
    }

    /// Removes what was noted as needless, again and again.
    pub(crate) async fn remove_leftovers(self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.options.jobs.sweep_ms.max(1_000));
        while tokio::time::timeout(pause, stop.cancelled()).await.is_err() {
            let removed = tokio::select! {
                () = stop.cancelled() => return,
                removed = self.remove_noted() => removed,
            };
            if let Err(error) = removed {
                tracing::warn!(error = error.chain(), "could not remove blobs that nobody needs");
            }
        }
    }

    /// Removes all that is noted; what cannot be removed stays noted, and keeps nothing behind it.
    async fn remove_noted(&self) -> Result<(), PortError> {
        let mut after = String::new();
        loop {
            let page = self.ports.jobs.leftovers(&after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let removing = page.into_iter().map(async |key| match self.ports.blobs.delete(&key).await {
                Ok(()) => Some(key),
                Err(error) => {
                    tracing::warn!(blob = key, error = error.chain(), "could not remove an unused blob");
                    None
                }
            });
            let removed: Vec<_> = stream::iter(removing).buffer_unordered(AT_ONCE).collect().await;
            self.ports.jobs.forget_leftovers(&removed.into_iter().flatten().collect::<Vec<_>>()).await?;
        }
    }

    /// The blobs that are a job's own. A batch's input and output are files of its team, which go when their time comes.
    pub(crate) async fn blobs_of(&self, job: &Job) -> Result<Vec<String>, PortError> {
        if job.kind == JobKind::Batch {
            return self.blobs_of_batch(BatchId::new(job.id.uuid())).await;
        }
        // The answer of an attempt whose end could not be written down is no part of the row.
        let answer = format!("jobs/{}/output.json", job.id);
        let noted = job.output.clone().filter(|output| *output != answer);
        Ok([job.input.clone(), answer].into_iter().chain(noted).collect())
    }

    /// What an ended batch left behind: of one that ended well, nothing but what Bedrock was sent and wrote.
    async fn blobs_of_batch(&self, id: BatchId) -> Result<Vec<String>, PortError> {
        let mut keys = Vec::new();
        for part in self.ports.batches.batch_parts(id).await? {
            let mut after = 0;
            loop {
                let lines = self.ports.batches.kept_lines(part.job, after, LINES).await?;
                let Some(last) = lines.last() else { break };
                after = last.line;
                keys.extend(lines.into_iter().filter_map(|line| line.blob));
            }
            keys.extend([part.output, part.errors].into_iter().flatten());
        }
        if let Some(bedrock) = self.ports.batches.lookup_batch(id).await?.and_then(|batch| batch.bedrock) {
            keys.extend(blobs_of(id, &bedrock));
        }
        Ok(keys)
    }
}
