//! Work handed to the job worker by another service, on somebody's behalf.

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_types::{IdempotencyKey, JobId, Principal, RequestId, ResponseId};

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
    /// The job as `/v1/jobs` shows it, or a refusal in RFC 9457.
    pub body: Bytes,
    /// How long to wait before asking again, if it says.
    pub retry_after: Option<std::time::Duration>,
}

/// Takes work in.
#[async_trait]
pub trait JobDesk: Send + Sync + 'static {
    /// Takes a job in. An answer with an error status is an answer.
    async fn submit(&self, ask: JobAsk) -> Result<JobAnswer, PortError>;

    /// A job of the principal's team; status 404 if there is none.
    async fn look(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;

    /// Cancels a job of the principal's team; the job as it is then.
    async fn cancel(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;

    /// Cancels a job of the principal's team that makes a response of the same UUID, and removes what it was asked and
    /// answered; the job as it is then.
    async fn forget(&self, principal: &Principal, id: JobId) -> Result<JobAnswer, PortError>;
}
