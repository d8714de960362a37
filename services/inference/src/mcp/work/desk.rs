//! What the job worker keeps, read on the caller's behalf.

use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_mcp::Caller;
use outcrop_ports::{DeskRead, JobAnswer, PortError};
use outcrop_types::{BatchId, FileId, JobId, JobState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Work;
use crate::handover::{HandedAnswer, refusal};

/// A job, as far as it is told of here. What it is besides its id and its state is handed on as it comes.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct KeptJob {
    pub(super) id: JobId,
    pub(super) status: JobState,
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) path: String,
    #[serde(default)]
    priority: Value,
    #[serde(default)]
    deadline: Value,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    pub(super) attempts: u32,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    cost_usd: Value,
    #[serde(default)]
    saved_usd: Value,
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    started_at: Value,
    #[serde(default)]
    ended_at: Value,
    #[serde(default)]
    pub(super) updated_at: Value,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) batch_id: Option<BatchId>,
    #[serde(default, skip_serializing)]
    pub(super) response: Option<HandedAnswer>,
}

/// A batch, as far as it is told of here.
#[derive(Debug, Deserialize)]
pub(super) struct KeptBatch {
    pub(super) id: BatchId,
    pub(super) status: String,
    #[serde(default)]
    pub(super) request_counts: Counts,
    #[serde(default)]
    pub(super) outcrop: OwnOfBatch,
    #[serde(flatten)]
    pub(super) rest: serde_json::Map<String, Value>,
}

/// How many lines of a batch there are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
}

/// What OpenAI's batches do not have.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OwnOfBatch {
    #[serde(default)]
    pub(super) way: Value,
    #[serde(default)]
    pub(super) reason: Value,
    #[serde(default)]
    pub(super) cost_usd: Value,
    #[serde(default)]
    pub(super) saved_usd: Value,
}

/// A file, as far as it is told of here.
#[derive(Debug, Deserialize)]
pub(super) struct KeptFile {
    pub(super) id: FileId,
    #[serde(default)]
    pub(super) filename: String,
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) purpose: String,
    #[serde(default)]
    pub(super) status: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub(super) created_at: i64,
}

/// A page of something.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

impl Work {
    /// A job with its answer; `None` if the team has no such job.
    pub(super) async fn job(&self, caller: &Caller, id: JobId) -> Result<Option<KeptJob>, ApiError> {
        let answer = self.service.inner().desk.look(&caller.principal, id).await;
        found(&answer.map_err(ApiError::from_error)?)
    }

    /// What is kept, as the REST face shows it; `None` if the team has no such thing.
    pub(super) async fn kept(&self, caller: &Caller, what: &DeskRead) -> Result<Option<Bytes>, ApiError> {
        let answer = self.service.inner().desk.read(&caller.principal, what).await;
        let answer = answer.map_err(ApiError::from_error)?;
        match answer.status {
            404 => Ok(None),
            400.. => Err(refusal(&answer)),
            _ => Ok(Some(answer.body)),
        }
    }

    /// The same, read.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        what: &DeskRead,
    ) -> Result<Option<T>, ApiError> {
        self.kept(caller, what).await?.as_deref().map(parse).transpose()
    }

    /// A page of the team's jobs, newest first.
    pub(super) async fn jobs(&self, caller: &Caller, query: String) -> Result<Listed<KeptJob>, ApiError> {
        Ok(self.read(caller, &DeskRead::Jobs(query)).await?.unwrap_or_default())
    }

    /// A page of the team's files, newest first.
    pub(super) async fn files(&self, caller: &Caller, query: String) -> Result<Listed<KeptFile>, ApiError> {
        Ok(self.read(caller, &DeskRead::Files(query)).await?.unwrap_or_default())
    }
}

/// A job that was answered with; `None` if there is none.
pub(super) fn found(answer: &JobAnswer) -> Result<Option<KeptJob>, ApiError> {
    match answer.status {
        404 => Ok(None),
        400.. => Err(refusal(answer)),
        _ => parse(&answer.body).map(Some),
    }
}

/// The id of a job, or of a batch, which is a job of the same number.
pub(super) fn job_id(text: &str) -> Option<JobId> {
    let of_batch = || text.parse().ok().map(|id: BatchId| JobId::new(id.uuid()));
    text.parse().ok().or_else(of_batch)
}

/// The same the other way round.
pub(super) fn batch_id(text: &str) -> Option<BatchId> {
    job_id(text).map(|id| BatchId::new(id.uuid()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::from_error(PortError::broken("read what the job worker keeps", error)))
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { data: Vec::new(), has_more: false }
    }
}
