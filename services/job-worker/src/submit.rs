//! Taking a job in, showing it and cancelling it.

use std::fmt::Write as _;

use bytes::Bytes;
use outcrop_ports::{PortError, Submitted};
use outcrop_types::{
    Classify, ErrorCode, IdempotencyKey, Job, JobId, JobKind, JobState, Page, Principal, TeamId,
};
use sha2::{Digest, Sha256};

use crate::JobWorker;
use crate::owner::refusal;

/// The paths of the inference service that a job may call; those below `/v1` also below `/api/v1`.
const PATHS: [&str; 10] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/rerank",
    "/v2/rerank",
    "/v1/images/generations",
    "/v1/generate",
    "/generate",
];

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
}

/// Why a job was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Not a path that can be called later.
    #[error("`path` must be one of {}", PATHS.join(", "))]
    Path,
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
            Self::Path => ErrorCode::InvalidRequest,
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
        let Submission { principal, path, body, idempotency_key } = submission;
        if !can_be_called(&path) {
            return Err(SubmitError::Path);
        }
        // What may not be called now may not be called later.
        if let Some(why) = refusal(&principal, &path) {
            return Err(SubmitError::NotAllowed { why });
        }
        let fingerprint = fingerprint(&path, &body);
        let id = JobId::new(self.ports.ids.uuid());
        let input = format!("jobs/{id}/input.json");
        let now = self.ports.clock.now();
        let job = Job {
            id,
            kind: JobKind::Inference,
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
            created_at: now,
            updated_at: now,
        };
        let failed = |source| SubmitError::Port { source };
        // Submissions at once may go past this by as many as they are: it keeps a team from filling the disk.
        let most = self.config.max_open_jobs_per_team;
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

    /// A team's jobs, newest first.
    pub async fn list(
        &self,
        team: TeamId,
        after: Option<JobId>,
        limit: usize,
    ) -> Result<Page<Job>, PortError> {
        self.ports.jobs.list_jobs(team, after, limit).await
    }

    /// Cancels a job of this team; one that has ended stays as it ended.
    pub async fn cancel(&self, team: TeamId, id: JobId) -> Result<Option<Job>, PortError> {
        if self.lookup(team, id).await?.is_none() {
            return Ok(None);
        }
        self.ports.jobs.cancel_job(id, self.ports.clock.now()).await
    }

    /// The body a finished job was answered with.
    pub async fn output(&self, job: &Job) -> Result<Option<Bytes>, PortError> {
        match &job.output {
            Some(key) => self.ports.blobs.get(key).await,
            None => Ok(None),
        }
    }

    /// Tells a worker to look at the job. The row is there: should this fail, the sweep nudges again.
    pub(crate) async fn nudge(&self, id: JobId) {
        if let Err(error) = self.ports.queue.send(id.to_string()).await {
            tracing::warn!(job.id = %id, error = error.chain(), "could not queue a job; the sweep will");
        }
    }

    async fn discard(&self, blob: &str) {
        if let Err(error) = self.ports.blobs.delete(blob).await {
            tracing::warn!(blob, error = error.chain(), "could not remove an unused blob");
        }
    }
}

/// SHA-256 of path and body in hexadecimal. The path is one of ours and holds no zero byte.
fn can_be_called(path: &str) -> bool {
    let below_api = path.strip_prefix("/api").filter(|it| it.starts_with("/v1/"));
    PATHS.contains(&below_api.unwrap_or(path))
}

fn fingerprint(path: &str, body: &[u8]) -> String {
    let digest = Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize();
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
