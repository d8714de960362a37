//! Taking a job in, showing it and cancelling it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{JobFilter, PortError, Submitted};
use outcrop_telemetry::current;
use outcrop_types::{
    BatchId, Classify, ErrorCode, IdempotencyKey, JOB_PATHS, Job, JobId, JobKind, JobState, Page, Principal,
    Priority, ResponseId, TeamId, job_path,
};
use sha2::{Digest, Sha256};

use crate::JobWorker;
use crate::owner::refusal;

/// The furthest that a deadline can be away.
const LONGEST_DEADLINE: TimeDelta = TimeDelta::days(30);

/// What a client wants done.
#[derive(Debug)]
pub struct Submission {
    /// On whose behalf.
    pub principal: Principal,
    /// The inference path to call.
    pub path: String,
    /// The JSON body to send there.
    pub body: Bytes,
    /// The client's own key, so that repeating does no harm.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What goes first among the team's.
    pub priority: Priority,
    /// When it is of no use any more.
    pub deadline: Option<Deadline>,
    /// What its owner says of it, within the bounds of the API.
    pub metadata: BTreeMap<String, String>,
    /// The answer of the Responses API that it makes: the job gets the same UUID.
    pub response: Option<ResponseId>,
}

impl Submission {
    /// A call as usual, with nothing said of how.
    #[must_use]
    pub const fn new(principal: Principal, path: String, body: Bytes) -> Self {
        Self {
            principal,
            path,
            body,
            idempotency_key: None,
            priority: Priority::Normal,
            deadline: None,
            metadata: BTreeMap::new(),
            response: None,
        }
    }
}

/// When work is of no use any more, as its owner says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// At this time.
    At(DateTime<Utc>),
    /// So long after it was submitted.
    After(Duration),
}

impl Deadline {
    /// The time; `None` where it is over, or further away than work is kept.
    fn from(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let at = match self {
            Self::At(at) => at,
            Self::After(wait) => now.checked_add_signed(TimeDelta::from_std(wait).ok()?)?,
        };
        (at > now && at - now <= LONGEST_DEADLINE).then_some(at)
    }
}

/// Why a job was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not a path that can be called later.
    #[error("`path` must be one of {}", JOB_PATHS.join(", "))]
    Path,
    /// The deadline is over, or too far away.
    #[error("`deadline` must be a time to come, at most {} days from now", LONGEST_DEADLINE.num_days())]
    Deadline,
    /// The credential is not good for a call of this path.
    #[error("{why}")]
    NotAllowed {
        /// Why not.
        why: String,
    },
    /// The team has as many unfinished jobs as it may.
    #[error("the team has {most} unfinished jobs, which is as many as it may have")]
    TooMany {
        /// How many that is.
        most: usize,
    },
    /// The idempotency key names a job with another path or body.
    #[error("`Idempotency-Key` was used before with another request")]
    KeyReused,
    /// The store, the blobs or the queue failed.
    #[error("could not accept the job")]
    Port {
        /// How.
        #[source]
        source: PortError,
    },
}

impl Classify for SubmitError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Path | Self::Deadline => ErrorCode::InvalidRequest,
            Self::NotAllowed { .. } => ErrorCode::Forbidden,
            Self::TooMany { .. } => ErrorCode::RateLimited,
            Self::KeyReused => ErrorCode::Conflict,
            Self::Port { source } => source.code(),
        }
    }
}

impl JobWorker {
    /// Takes a job in: body to the blobs, row to the store, nudge to the queue, in this order, so that whatever
    /// fails in between leaves nothing that a worker could trip over.
    pub async fn submit(&self, submission: Submission) -> Result<Job, SubmitError> {
        let fingerprint = fingerprint(&submission);
        let Submission { principal, path, body, idempotency_key, priority, deadline, metadata, response } =
            submission;
        if job_path(&path).is_none() {
            return Err(SubmitError::Path);
        }
        // What may not be called now may not be called later.
        if let Some(why) = refusal(&principal, &path) {
            return Err(SubmitError::NotAllowed { why });
        }
        // Before all that may be otherwise by now: whoever repeats a request hears of what it made, however late and full it is.
        if let Some(key) = &idempotency_key {
            let before = self.ports.jobs.lookup_submitted(principal.team, key).await;
            if let Some(before) = before.map_err(|source| SubmitError::Port { source })? {
                return if before.fingerprint == fingerprint {
                    Ok(before)
                } else {
                    Err(SubmitError::KeyReused)
                };
            }
        }
        let now = self.ports.clock.now();
        let deadline = match deadline {
            Some(asked) => Some(asked.from(now).ok_or(SubmitError::Deadline)?),
            None => None,
        };
        let id = JobId::new(response.map_or_else(|| self.ports.ids.uuid(), |response| response.uuid()));
        let input = format!("jobs/{id}/input.json");
        let job = Job {
            id,
            kind: JobKind::Call,
            parent: None,
            principal,
            path,
            input: input.clone(),
            idempotency_key,
            fingerprint,
            state: JobState::Queued,
            attempts: 0,
            status: None,
            output: None,
            error: None,
            dead: false,
            priority,
            deadline,
            metadata,
            response,
            trace: current::trace().to_line(),
            choice: None,
            used: outcrop_types::Used::default(),
            created_at: now,
            started_at: None,
            ended_at: None,
            updated_at: now,
        };
        let failed = |source| SubmitError::Port { source };
        // Submissions at once may go past this by as many as they are: it keeps a team from filling the disk.
        let most = self.options.jobs.max_open_jobs_per_team;
        if self.ports.jobs.count_open_jobs(job.principal.team, most).await.map_err(failed)? >= most {
            return Err(SubmitError::TooMany { most });
        }
        self.ports.blobs.put(&input, body).await.map_err(failed)?;
        match self.ports.jobs.submit_job(&job).await.map_err(failed)? {
            Submitted::Existing(existing) => {
                self.discard(&input).await;
                if existing.fingerprint == job.fingerprint {
                    Ok(*existing)
                } else {
                    Err(SubmitError::KeyReused)
                }
            }
            Submitted::New => {
                self.nudge(id).await;
                Ok(job)
            }
        }
    }

    /// A job of this team; another team's does not exist.
    pub async fn lookup(&self, team: TeamId, id: JobId) -> Result<Option<Job>, PortError> {
        Ok(self.ports.jobs.lookup_job(id).await?.filter(|job| job.principal.team == team))
    }

    /// The jobs that this filter lets through, newest first.
    pub async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError> {
        self.ports.jobs.list_jobs(filter, after, limit).await
    }

    /// Cancels a call or a batch of this team; one that has ended stays as it ended.
    pub async fn cancel(&self, team: TeamId, id: JobId) -> Result<Option<Job>, PortError> {
        let now = self.ports.clock.now();
        match self.lookup(team, id).await?.map(|job| job.kind) {
            None | Some(JobKind::Part) => Ok(None),
            Some(JobKind::Call) => self.ports.jobs.cancel_job(id, now).await,
            Some(JobKind::Batch) => {
                self.ports.batches.cancel_batch(BatchId::new(id.uuid()), now).await?;
                // Whatever is to be kept of it is put together now.
                self.nudge(id).await;
                self.lookup(team, id).await
            }
        }
    }

    /// Cancels a call of this team that has not ended, and removes what it was asked and answered. The row stays.
    pub async fn forget_content(&self, team: TeamId, id: JobId) -> Result<Option<Job>, PortError> {
        if self.lookup(team, id).await?.is_none_or(|job| job.kind != JobKind::Call) {
            return Ok(None);
        }
        let Some(job) = self.ports.jobs.cancel_job(id, self.ports.clock.now()).await? else {
            return Ok(None);
        };
        for key in self.blobs_of(&job).await? {
            self.ports.blobs.delete(&key).await?;
        }
        Ok(Some(job))
    }

    /// The body a finished job was answered with.
    pub async fn output(&self, job: &Job) -> Result<Option<Bytes>, PortError> {
        match &job.output {
            Some(key) => self.ports.blobs.get(key).await,
            None => Ok(None),
        }
    }

    pub(crate) async fn discard(&self, blob: &str) {
        if let Err(error) = self.ports.blobs.delete(blob).await {
            tracing::warn!(blob, error = error.chain(), "could not remove an unused blob");
        }
    }
}

/// SHA-256, in hexadecimal, of all that a client says of a job. A deadline counts as it was said: so many seconds from now
/// stay the same request.
fn fingerprint(submission: &Submission) -> String {
    let Submission { path, body, priority, deadline, metadata, .. } = submission;
    let said = format!("{}\0{deadline:?}\0{metadata:?}", priority.name());
    // The path is one of ours and holds no zero byte.
    let digest = Sha256::new()
        .chain_update(path)
        .chain_update([0])
        .chain_update(said)
        .chain_update([0])
        .chain_update(body)
        .finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
