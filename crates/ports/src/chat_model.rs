//! The model itself.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use outcrop_chat::{Event, Request, Response};
use outcrop_types::{Classify, ErrorCode};

use crate::ResolvedModel;

/// One call of a model.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// Which model, and where.
    pub model: ResolvedModel,
    /// The conversation, shared by all attempts of one call.
    pub request: Arc<Request>,
    /// How long the caller waits: for the whole answer, or for the first event of a stream.
    pub deadline: Duration,
}

/// The pieces of an answer as they come. After an error nothing comes. Dropping it cancels the call.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, ModelError>> + Send>>;

/// How a model call failed (Bedrock's error shapes, Amazon Bedrock API reference, Converse).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelFailure {
    /// Bedrock refused the request as wrong.
    Invalid,
    /// The conversation does not fit the model's context.
    TooLong,
    /// We may not call this model: our credentials or access, not the client's.
    Denied,
    /// No such model in that region.
    NotFound,
    /// Too many requests or tokens.
    Throttled,
    /// The model is not ready yet.
    NotReady,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// No answer in time.
    TimedOut,
    /// The model failed.
    Model,
    /// Bedrock is away or could not be reached.
    Unavailable,
    /// Bedrock had begun to answer when the connection broke, and may have charged for it.
    Broken,
    /// Bedrock failed.
    Internal,
}

impl ModelFailure {
    /// Whether Bedrock may have charged for a call that failed like this.
    #[must_use]
    pub const fn may_cost(self) -> bool {
        match self {
            Self::TimedOut | Self::Model | Self::Broken => true,
            Self::Invalid
            | Self::TooLong
            | Self::Denied
            | Self::NotFound
            | Self::Throttled
            | Self::NotReady
            | Self::QuotaExceeded
            | Self::Unavailable
            | Self::Internal => false,
        }
    }
}

/// A failed model call.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// How it failed.
    pub failure: ModelFailure,
    /// Bedrock's message, fit for clients: no ARN, no account number.
    pub message: String,
    /// Bedrock's id for the call, for support cases.
    pub bedrock_request_id: Option<String>,
    /// When to come back, if Bedrock said so.
    pub retry_after: Option<Duration>,
    /// What lies behind it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Classify for ModelError {
    fn code(&self) -> ErrorCode {
        match self.failure {
            ModelFailure::Invalid | ModelFailure::TooLong => ErrorCode::InvalidRequest,
            ModelFailure::Denied => ErrorCode::Forbidden,
            ModelFailure::NotFound => ErrorCode::ModelNotFound,
            ModelFailure::Throttled | ModelFailure::NotReady | ModelFailure::QuotaExceeded => {
                ErrorCode::RateLimited
            }
            ModelFailure::TimedOut => ErrorCode::Timeout,
            ModelFailure::Model => ErrorCode::Upstream,
            ModelFailure::Unavailable | ModelFailure::Broken => ErrorCode::Unavailable,
            ModelFailure::Internal => ErrorCode::Internal,
        }
    }
}

/// Continues conversations.
#[async_trait]
pub trait ChatModel: Send + Sync + 'static {
    /// The region this speaks to, for usage records and headers.
    fn region(&self) -> &str;

    /// The whole answer.
    async fn chat(&self, call: ModelCall) -> Result<Response, ModelError>;

    /// The call as `modelInput` of a record of batch inference.
    ///
    /// # Errors
    /// What the model cannot do, as for [`chat`](Self::chat).
    fn record(&self, _call: &ModelCall) -> Result<Bytes, ModelError> {
        Err(no_records())
    }

    /// The answer to a call that `modelOutput` of such a record says. Nothing is called.
    async fn recorded(&self, _call: &ModelCall, _output: Bytes) -> Result<Response, ModelError> {
        Err(no_records())
    }

    /// The answer in pieces. Errors before the first piece come from the call itself.
    async fn stream(&self, call: ModelCall) -> Result<EventStream, ModelError>;
}

fn no_records() -> ModelError {
    ModelError {
        failure: ModelFailure::Invalid,
        message: "there is no batch inference here".to_owned(),
        bedrock_request_id: None,
        retry_after: None,
        source: None,
    }
}
