//! Work handed to the job worker by another service, on somebody's behalf.

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_types::{BatchId, FileId, IdempotencyKey, JobId, Principal, RequestId, ResponseId};

use crate::PortError;

/// A model call to be made later.
#[derive(Debug, Clone)]
pub struct JobAsk {
    /// On whose behalf.
    pub principal: Principal,
    /// The id to log under.
    pub request_id: RequestId,
    /// `{path, body, priority, deadline, metadata, …}`: the body of `POST /v1/jobs`.
    pub body: Bytes,
    /// The client's own key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The answer of the Responses API that it makes. The job then has the same UUID.
    pub response: Option<ResponseId>,
}

/// What the job worker answered: as `/v1/jobs` does, refusals included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What `/v1/jobs` (or whatever was read) shows, or a refusal in the dialect of its path: RFC 9457, or OpenAI's.
    pub body: Bytes,
    /// How long to wait before asking again, if it says.
    pub retry_after: Option<std::time::Duration>,
}

/// Something that the job worker keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeskRead {
    /// The jobs of the team: `GET /v1/jobs`, with a query (`limit=20&status=running`) or none.
    Jobs(String),
    /// A batch: `GET /v1/batches/{id}`.
    Batch(BatchId),
    /// The files of the team: `GET /v1/files`, with a query or none.
    Files(String),
    /// What is known of a file: `GET /v1/files/{id}`.
    File(FileId),
    /// What is in a file: `GET /v1/files/{id}/content`; refused with 413 if that is more than so many bytes.
    Content(FileId, u64),
}

impl DeskRead {
    /// Where the REST face has it, and with what query.
    #[must_use]
    pub fn address(&self) -> (String, Option<&str>) {
        let (path, query) = match self {
            Self::Jobs(query) => ("/v1/jobs".to_owned(), Some(query.as_str())),
            Self::Batch(id) => (format!("/v1/batches/{id}"), None),
            Self::Files(query) => ("/v1/files".to_owned(), Some(query.as_str())),
            Self::File(id) => (format!("/v1/files/{id}"), None),
            Self::Content(id, _) => (format!("/v1/files/{id}/content"), None),
        };
        (path, query.filter(|it| !it.is_empty()))
    }

    /// What is said of a file that has more bytes than were asked for.
    #[must_use]
    pub fn too_large(bytes: u64, most: u64) -> String {
        format!("the file has {bytes} bytes; at most {most} are read here")
    }
}

/// Takes work in.
#[async_trait]
pub trait JobDesk: Send + Sync + 'static {
    /// Takes a job in. An answer with an error status is an answer.
    async fn submit(&self, ask: JobAsk) -> Result<JobAnswer, PortError>;

    /// A job of the principal's team; status 404 if there is none.
    async fn look(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;

    /// What the job worker keeps of the principal's team, as its REST face shows it, refusals included; status 404 if there is
    /// none.
    async fn read(&self, principal: &Principal, what: &DeskRead) -> Result<JobAnswer, PortError>;

    /// Cancels a job of the principal's team; the job as it is then.
    async fn cancel(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;

    /// Cancels a job of the principal's team that makes a response of the same UUID, and removes what it was asked and
    /// answered; the job as it is then.
    async fn forget(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;
}
