//! [`BedrockModel`]: one region of Bedrock behind the [`ChatModel`] port.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::StalledStreamProtectionConfig;
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_sdk_bedrockruntime::operation::converse_stream::{ConverseStreamError, ConverseStreamOutput};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::request_id::RequestId;
use bytes::Bytes;
use outcrop_chat::{ReasoningMode, Response};
use outcrop_ports::{ChatModel, EventStream, ModelCall, ModelError, PortError, Probe};
use tokio::time::{Instant, timeout, timeout_at};

use crate::as_written::{self, Reader};
use crate::direct::Direct;
use crate::probe::Endpoint;
use crate::request::{self, ConverseRequest};
use crate::stream::Events;
use crate::tracing_header::TraceHeader;
use crate::{batch, errors, json, response};

/// How to call Bedrock.
#[derive(Debug, Clone, Copy)]
pub struct BedrockOptions {
    /// Longest silence between two events of a stream; then the call has failed. (The SDK watches for stalls in
    /// Converse, not in ConverseStream.)
    pub idle_timeout: Duration,
}

impl Default for BedrockOptions {
    fn default() -> Self {
        Self { idle_timeout: Duration::from_secs(120) }
    }
}

/// Why no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing says which region to call.
    #[error("no AWS region is set for Bedrock")]
    NoRegion,
    /// The region or the endpoint override makes no address.
    #[error("no address of Bedrock in region `{region}`")]
    Endpoint {
        /// The region asked for.
        region: String,
        /// What the SDK's endpoint rules say.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Bedrock in one region. Build it once: connections and credentials are kept in it.
pub struct BedrockModel {
    pub(crate) client: Client,
    /// For the two calls that nearly all are; where it is none, the client makes them too.
    direct: Option<Direct>,
    pub(crate) region: String,
    endpoint: Endpoint,
    pub(crate) idle_timeout: Duration,
}

impl fmt::Debug for BedrockModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the client, whose configuration holds credentials.
        f.debug_struct("BedrockModel")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish()
    }
}

impl BedrockModel {
    /// A client on a ready configuration, whose HTTP client and credentials it shares.
    ///
    /// One call is one attempt: retries and other regions are the caller's business, which knows the whole
    /// deadline and what else could answer.
    ///
    /// # Errors
    /// [`BuildError`] when there is no region to call.
    pub fn new(sdk: &SdkConfig, options: BedrockOptions) -> Result<Self, BuildError> {
        let region = sdk.region().ok_or(BuildError::NoRegion)?.to_string();
        let timeouts = sdk.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        // Connecting keeps its limit; all else is bounded by the deadline of each call, which the SDK cannot know.
        let timeouts = timeouts
            .disable_read_timeout()
            .disable_operation_timeout()
            .disable_operation_attempt_timeout()
            .build();
        let config = aws_sdk_bedrockruntime::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.clone())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(TraceHeader)
            .build();
        let endpoint = Endpoint::resolve(sdk, &region)?;
        let direct = Direct::of(sdk, endpoint.url(), &timeouts)
            .map_err(|source| BuildError::Endpoint { region: region.clone(), source })?;
        let client = Client::from_conf(config);
        Ok(Self { client, direct, region, endpoint, idle_timeout: options.idle_timeout })
    }

    async fn converse(&self, request: ConverseRequest) -> Result<Response, ModelError> {
        let ConverseRequest { model_id, body, ours } = request;
        if let Some(direct) = &self.direct {
            let called = direct.converse::<ConverseOutput, ConverseError>(&model_id, body).await;
            let (answer, bytes) = called.map_err(errors::from_call)?;
            return response::translate(answer, as_written::read(&bytes), ours);
        }
        let reader = Reader::default();
        let call = self.client.converse().model_id(model_id).customize();
        let call = call.mutate_request(move |request| json::put_body(request, &body));
        let answer = call.interceptor(reader.clone()).send().await.map_err(errors::from_call)?;
        response::translate(answer, reader.take(), ours)
    }

    async fn converse_stream(&self, request: ConverseRequest) -> Result<Events, ModelError> {
        let ConverseRequest { model_id, body, ours } = request;
        let called = match &self.direct {
            Some(direct) => {
                direct.converse_stream::<ConverseStreamOutput, ConverseStreamError>(&model_id, body).await
            }
            None => {
                let call = self.client.converse_stream().model_id(model_id).customize();
                call.mutate_request(move |request| json::put_body(request, &body)).send().await
            }
        };
        let output = called.map_err(errors::from_call)?;
        let request_id = output.request_id().map(str::to_owned);
        Ok(Events::new(output.stream, request_id, self.idle_timeout, ours))
    }
}

#[async_trait]
impl ChatModel for BedrockModel {
    fn region(&self) -> &str {
        &self.region
    }

    async fn chat(&self, call: ModelCall) -> Result<Response, ModelError> {
        let ModelCall { model, request, deadline } = call;
        let converse = request::translate(model, &request, false)?;
        // What it holds may be large, and stands in the body now.
        drop(request);
        match timeout(deadline, self.converse(converse)).await {
            Ok(answer) => answer,
            Err(_) => Err(errors::timed_out(deadline, "no answer")),
        }
    }

    fn record(&self, call: &ModelCall) -> Result<Bytes, ModelError> {
        batch::record(call)
    }

    async fn recorded(&self, call: &ModelCall, output: Bytes) -> Result<Response, ModelError> {
        batch::recorded(self, call, output).await
    }

    async fn stream(&self, call: ModelCall) -> Result<EventStream, ModelError> {
        let ModelCall { model, request, deadline } = call;
        let until = Instant::now() + deadline;
        let thinks = model.info.always_thinks || request.reasoning.is_some_and(|it| it != ReasoningMode::Off);
        let converse = request::translate(model, &request, true)?;
        // What it holds may be large, and stands in the body now.
        drop(request);
        match timeout_at(until, self.converse_stream(converse)).await {
            Ok(events) => events?.begin(until, deadline, thinks).await,
            Err(_) => Err(errors::timed_out(deadline, "nothing")),
        }
    }
}

#[async_trait]
impl Probe for BedrockModel {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.endpoint.reach().await
    }
}
