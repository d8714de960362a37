//! Taking a batch in, showing it and cancelling it.

use std::fmt::Write as _;

use outcrop_ports::{PortError, SubmittedBatch};
use outcrop_telemetry::current;
use outcrop_types::{
    Batch, BatchCounts, BatchId, BatchStatus, Classify, ErrorCode, FilePurpose, FileStatus, IdempotencyKey,
    Job, JobId, JobKind, JobState, Page, Principal, Priority, StoredFile, TeamId, Used,
};
use outcrop_wire::openai::batches::{BatchFacts, BatchRequest};
use sha2::{Digest, Sha256};

use crate::JobWorker;
use crate::owner::refusal;

/// The paths that lines can call.
const ENDPOINTS: [&str; 8] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/rerank",
    "/v1/images/generations",
    "/v1/generate",
];

/// A batch that a client wants done.
#[derive(Debug)]
pub(crate) struct BatchSubmission {
    /// On whose behalf.
    pub(crate) principal: Principal,
    /// What is asked for.
    pub(crate) request: BatchRequest,
    /// The client's own key, so that repeating does no harm.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

/// Why a batch was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitBatchError {
    /// Not a path that lines can call.
    #[error("`endpoint` must be one of {}", ENDPOINTS.join(", "))]
    Endpoint,
    /// The credential is not good for a call of this path.
    #[error("{why}")]
    NotAllowed {
        /// Why not.
        why: String,
    },
    /// The team has no such file.
    #[error("there is no file `{file}`")]
    NoFile {
        /// As it was asked for.
        file: outcrop_types::FileId,
    },
    /// The file is no file of lines, or not here yet.
    #[error("{why}")]
    UnfitFile {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The team has as many unfinished batches as it may.
    #[error("the team has {most} unfinished batches, which is as many as it may have")]
    TooMany {
        /// How many that is.
        most: usize,
    },
    /// The idempotency key names another request.
    #[error("`Idempotency-Key` was used before with another request")]
    KeyReused,
    /// The store or the blobs failed.
    #[error("could not accept the batch")]
    Port {
        /// How.
        #[source]
        source: PortError,
    },
}

impl Classify for SubmitBatchError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Endpoint | Self::UnfitFile { .. } => ErrorCode::InvalidRequest,
            Self::NotAllowed { .. } => ErrorCode::Forbidden,
            Self::NoFile { .. } => ErrorCode::NotFound,
            Self::TooMany { .. } => ErrorCode::RateLimited,
            Self::KeyReused => ErrorCode::Conflict,
            Self::Port { source } => source.code(),
        }
    }
}

impl From<PortError> for SubmitBatchError {
    fn from(source: PortError) -> Self {
        Self::Port { source }
    }
}

impl JobWorker {
    /// Takes a batch in. Its file is looked into later.
    pub(crate) async fn submit_batch(
        &self,
        submission: BatchSubmission,
    ) -> Result<BatchFacts, SubmitBatchError> {
        let BatchSubmission { principal, request, idempotency_key } = submission;
        if !ENDPOINTS.contains(&request.endpoint.as_str()) {
            return Err(SubmitBatchError::Endpoint);
        }
        // What may not be called now may not be called later.
        if let Some(why) = refusal(&principal, &request.endpoint) {
            return Err(SubmitBatchError::NotAllowed { why });
        }
        // A repeat is answered whatever has become of the file and of the bounds since.
        if let Some(key) = &idempotency_key
            && let Some(earlier) = self.ports.jobs.lookup_submitted(principal.team, key).await?
        {
            return self.submitted_before(&earlier, &request).await;
        }
        let file = self.input_file(&principal, &request).await?;
        let most = self.options.batches.max_open_per_team;
        if self.open_batches(principal.team, most).await? >= most {
            return Err(SubmitBatchError::TooMany { most });
        }
        let (job, batch) = self.new_batch(principal, request, idempotency_key, file);
        match self.ports.batches.submit_batch(&job, &batch).await? {
            SubmittedBatch::New => {
                self.nudge(job.id).await;
                Ok(BatchFacts { batch, choice: None, used: job.used })
            }
            SubmittedBatch::Existing(existing, batch) if existing.fingerprint == job.fingerprint => {
                Ok(BatchFacts { batch: *batch, choice: existing.choice, used: existing.used })
            }
            SubmittedBatch::Existing(..) => Err(SubmitBatchError::KeyReused),
        }
    }

    /// A batch of this team; another team's does not exist.
    pub(crate) async fn lookup_batch(
        &self,
        team: TeamId,
        id: BatchId,
    ) -> Result<Option<BatchFacts>, PortError> {
        let batch = self.ports.batches.lookup_batch(id).await?.filter(|batch| batch.team == team);
        match batch {
            Some(batch) => self.facts(batch).await.map(Some),
            None => Ok(None),
        }
    }

    /// A team's batches, newest first.
    pub(crate) async fn list_batches(
        &self,
        team: TeamId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Result<Page<BatchFacts>, PortError> {
        let page = self.ports.batches.list_batches(team, after, limit).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for batch in page.items {
            items.push(self.facts(batch).await?);
        }
        Ok(Page { items, has_more: page.has_more })
    }

    /// Cancels a batch of this team; one that is further stays as it is.
    pub(crate) async fn cancel_batch(
        &self,
        team: TeamId,
        id: BatchId,
    ) -> Result<Option<BatchFacts>, PortError> {
        if self.ports.batches.lookup_batch(id).await?.is_none_or(|batch| batch.team != team) {
            return Ok(None);
        }
        let cancelled = self.ports.batches.cancel_batch(id, self.ports.clock.now()).await?;
        if cancelled.is_some_and(|batch| batch.status == BatchStatus::Cancelling) {
            self.nudge(JobId::new(id.uuid())).await;
        }
        self.lookup_batch(team, id).await
    }

    /// What a key stands for that was used before.
    async fn submitted_before(
        &self,
        earlier: &Job,
        request: &BatchRequest,
    ) -> Result<BatchFacts, SubmitBatchError> {
        if earlier.kind != JobKind::Batch || earlier.fingerprint != fingerprint(request) {
            return Err(SubmitBatchError::KeyReused);
        }
        let found = self.lookup_batch(earlier.principal.team, BatchId::new(earlier.id.uuid())).await?;
        found.ok_or(SubmitBatchError::KeyReused)
    }

    async fn facts(&self, batch: Batch) -> Result<BatchFacts, PortError> {
        let job = self.ports.jobs.lookup_job(JobId::new(batch.id.uuid())).await?;
        let (choice, used) = job.map(|job| (job.choice, job.used)).unwrap_or_default();
        Ok(BatchFacts { batch, choice, used })
    }

    async fn input_file(
        &self,
        principal: &Principal,
        request: &BatchRequest,
    ) -> Result<StoredFile, SubmitBatchError> {
        let now = self.ports.clock.now();
        let found = self.ports.files.lookup_file(request.input_file, now).await?;
        let file = found.filter(|file| file.team == principal.team);
        let file = file.ok_or(SubmitBatchError::NoFile { file: request.input_file })?;
        match (file.purpose, file.status) {
            (FilePurpose::Batch, FileStatus::Uploaded) => Ok(file),
            (FilePurpose::Batch, FileStatus::Pending) => {
                Err(SubmitBatchError::UnfitFile { why: "the file is not uploaded yet" })
            }
            _ => Err(SubmitBatchError::UnfitFile { why: "the purpose of the file must be `batch`" }),
        }
    }

    /// How many batches of a team have not ended, looked at no further than the newest that could be open.
    async fn open_batches(&self, team: TeamId, most: usize) -> Result<usize, PortError> {
        let filter = |state| outcrop_ports::JobFilter {
            team: Some(team),
            kind: Some(JobKind::Batch),
            state: Some(state),
            ..outcrop_ports::JobFilter::default()
        };
        let mut open = 0;
        for state in [JobState::Queued, JobState::Running] {
            open += self.ports.jobs.list_jobs(&filter(state), None, most).await?.items.len();
        }
        Ok(open)
    }

    fn new_batch(
        &self,
        principal: Principal,
        request: BatchRequest,
        idempotency_key: Option<IdempotencyKey>,
        file: StoredFile,
    ) -> (Job, Batch) {
        let (uuid, now) = (self.ports.ids.uuid(), self.ports.clock.now());
        let expires_at = now + request.window.length;
        let job = Job {
            id: JobId::new(uuid),
            kind: JobKind::Batch,
            parent: None,
            path: request.endpoint.clone(),
            input: file.blob,
            idempotency_key,
            fingerprint: fingerprint(&request),
            // It has its whole window: calls of its team go before its parts.
            priority: Priority::Low,
            deadline: Some(expires_at),
            metadata: request.metadata.clone(),
            response: None,
            trace: current::trace().to_line(),
            state: JobState::Queued,
            attempts: 0,
            status: None,
            output: None,
            error: None,
            dead: false,
            choice: None,
            used: Used::default(),
            created_at: now,
            started_at: None,
            ended_at: None,
            updated_at: now,
            principal,
        };
        let batch = Batch {
            id: BatchId::new(uuid),
            team: job.principal.team,
            endpoint: request.endpoint,
            input_file: request.input_file,
            completion_window: request.window.text,
            metadata: request.metadata,
            output_expires_after_s: request.output_expires_after_s,
            status: BatchStatus::Validating,
            errors: Vec::new(),
            model: None,
            output_file: None,
            error_file: None,
            counts: BatchCounts::default(),
            bedrock: None,
            created_at: now,
            in_progress_at: None,
            expires_at,
            finalizing_at: None,
            completed_at: None,
            failed_at: None,
            expired_at: None,
            cancelling_at: None,
            cancelled_at: None,
        };
        (job, batch)
    }
}

/// What tells one request from another under the same idempotency key.
fn fingerprint(request: &BatchRequest) -> String {
    let text = format!("batch {request:?}");
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
