//! A model call on somebody's behalf, from another service.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_types::{Principal, RequestId};

use crate::PortError;

/// A call of one of the inference service's paths.
#[derive(Debug, Clone)]
pub struct InferenceCall {
    /// On whose behalf; checked and metered as if it had called itself.
    pub principal: Principal,
    /// The path: `/v1/chat/completions`, `/generate`.
    pub path: String,
    /// The JSON body; it must not ask for a stream.
    pub body: Bytes,
    /// The id to log and meter under.
    pub request_id: RequestId,
    /// How long the caller waits.
    pub deadline: Duration,
}

/// What the inference service answered, errors included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, in the path's dialect.
    pub body: Bytes,
    /// How long the service asks to be left alone, if it does.
    pub retry_after: Option<Duration>,
}

/// Calls models through the inference service.
#[async_trait]
pub trait Inference: Send + Sync + 'static {
    /// Makes the call. An answer with an error status is an answer; a `PortError` means that none came.
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError>;
}
