//! A model call on somebody's behalf, from another service.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_types::{Principal, RequestId, ResponseId, Used, Way};

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
    /// How it is done: on demand, or in the flex tier where the model has one and the body asks for no tier.
    pub way: Way,
    /// The answer of the Responses API that this makes in the background: kept under this id, in place of what is there.
    pub response: Option<ResponseId>,
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
    /// What it used; nothing of what failed for free. Of what failed at a cost the ledger alone may know.
    pub used: Used,
    /// Whether trying again is of no use: a refusal that stays one.
    pub is_final: bool,
}

impl InferenceAnswer {
    /// Whether a refusal with this status stays one. Of those that are the caller's own affair, four pass: 408, 409, 425 and
    /// 429.
    #[must_use]
    pub const fn stays(status: u16) -> bool {
        matches!(status, 400..=499) && !matches!(status, 408 | 409 | 425 | 429)
    }
}

/// A call as a record of Bedrock's batch inference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRecord {
    /// The model, by the id that Bedrock knows it by in batch inference.
    pub model: String,
    /// The region to run it in, which every residency admits.
    pub region: String,
    /// When it was submitted, or written: what its usage counts as the moment of the call.
    pub at: DateTime<Utc>,
    /// `modelInput`: the body of a Converse call.
    pub input: Bytes,
}

/// Whether a call can be done by batch inference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It can.
    Record(BatchRecord),
    /// It cannot (a guardrail holds, the model has no batch inference, …); why, in words for its owner.
    Unfit(String),
    /// It is refused whichever way it is done.
    Refused(InferenceAnswer),
}

/// What Bedrock made of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutput {
    /// `modelOutput`: the answer of Converse.
    Output(Bytes),
    /// `error`: its code and message.
    Error {
        /// Such as 400.
        code: u16,
        /// In Bedrock's words.
        message: String,
    },
}

/// Calls models through the inference service.
#[async_trait]
pub trait Inference: Send + Sync + 'static {
    /// Makes the call. An answer with an error status is an answer; a `PortError` means that none came.
    async fn call(&self, call: InferenceCall) -> Result<InferenceAnswer, PortError>;

    /// Writes a call as a record of batch inference. Nothing is called, nothing is held of limits; who may not make the
    /// call, or has nothing left of a budget, is refused.
    async fn record(&self, call: InferenceCall) -> Result<Recorded, PortError>;

    /// The answer to a call that batch inference made, in the call's dialect, and its usage record, at the price of
    /// batches. The same request id is recorded once.
    async fn recorded(
        &self,
        call: InferenceCall,
        record: BatchRecord,
        output: RecordOutput,
    ) -> Result<InferenceAnswer, PortError>;
}
