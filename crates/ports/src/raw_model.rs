//! A model called in its own words, not in Converse's.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use outcrop_chat::{Guardrail, Request, ServiceTier};
use outcrop_types::TokenUsage;

use crate::{ModelError, ResolvedModel};

/// One call by `InvokeModel`.
#[derive(Debug, Clone)]
pub struct InvokeCall {
    /// Which model, and where.
    pub model: ResolvedModel,
    /// The body in the model's own shape, sent as it is.
    pub body: Bytes,
    /// Media type of the body; `None` is JSON.
    pub content_type: Option<String>,
    /// Media type wanted back; `None` is JSON.
    pub accept: Option<String>,
    /// The guardrail that looks on, if any.
    pub guardrail: Option<Guardrail>,
    /// Which of Bedrock's service tiers is to answer.
    pub service_tier: Option<ServiceTier>,
    /// Whether the latency-optimised variant is to answer.
    pub optimized_latency: bool,
    /// 1 to 16 pairs that go to Bedrock's invocation log.
    pub metadata: BTreeMap<String, String>,
    /// How long the caller waits: for the whole answer, or for the first chunk of a stream.
    pub deadline: Duration,
}

impl InvokeCall {
    /// A JSON body and nothing besides.
    #[must_use]
    pub const fn json(model: ResolvedModel, body: Bytes, deadline: Duration) -> Self {
        Self {
            model,
            body,
            content_type: None,
            accept: None,
            guardrail: None,
            service_tier: None,
            optimized_latency: false,
            metadata: BTreeMap::new(),
            deadline,
        }
    }
}

/// The model's answer in its own shape.
#[derive(Debug, Clone)]
pub struct InvokeAnswer {
    /// The body, as it is.
    pub body: Bytes,
    /// Its media type.
    pub content_type: String,
    /// What it used, where Bedrock's headers tell (`x-amzn-bedrock-input-token-count` and its like).
    pub usage: Option<TokenUsage>,
    /// The tier that answered, where Bedrock tells.
    pub service_tier: Option<ServiceTier>,
}

/// The chunks of a streamed answer, each one event in the model's own shape. After an error nothing comes. Dropping it
/// cancels the call.
pub type ChunkStream = Pin<Box<dyn Stream<Item = Result<Bytes, ModelError>> + Send>>;

/// A model called in its own words: `InvokeModel`, `InvokeModelWithResponseStream`, `CountTokens`.
#[async_trait]
pub trait RawModel: Send + Sync + 'static {
    /// The whole answer.
    async fn invoke(&self, call: InvokeCall) -> Result<InvokeAnswer, ModelError>;

    /// The answer in pieces. Errors before the first piece come from the call itself.
    async fn invoke_stream(&self, call: InvokeCall) -> Result<ChunkStream, ModelError>;

    /// How many tokens a model would read for this request, by Bedrock's own count. `Invalid` where it cannot count
    /// for this model.
    async fn count_tokens(
        &self,
        model: ResolvedModel,
        request: Request,
        deadline: Duration,
    ) -> Result<u64, ModelError>;

    /// The same for a body of `InvokeModel` in the model's own shape.
    async fn count_invoke_tokens(
        &self,
        model: ResolvedModel,
        body: Bytes,
        deadline: Duration,
    ) -> Result<u64, ModelError>;
}
