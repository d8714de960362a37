//! InvokeModel, its stream, and CountTokens: a model in its own words.
//!
//! Bodies pass through as they are. What the call used stands in headers that the SDK does not know
//! (`x-amzn-bedrock-*-token-count`); an interceptor reads them. In a stream it stands in the last chunk, which is the
//! model's own JSON and the reader's business.

mod chunks;
mod head;
mod told;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::types as sdk;
use aws_smithy_types::Blob;
use aws_types::request_id::RequestId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use outcrop_chat::{Request, ServiceTier};
use outcrop_ports::{ChunkStream, InvokeAnswer, InvokeCall, ModelError, RawModel, ResolvedModel};
use tokio::time::{Instant, timeout, timeout_at};

use crate::BedrockModel;
use crate::json::put_body;
use crate::request;
use crate::{catalog, errors};
use chunks::Chunks;
use head::Head;
use told::Told;

/// Sets what both operations take besides the body, which the customised request gets without a copy.
macro_rules! with_head {
    ($call:expr, $head:expr) => {{
        let Head { model, content_type, accept, guardrail, trace, latency, tier, metadata } = $head;
        let (id, version) = guardrail.map_or((None, None), |it| (Some(it.id), Some(it.version)));
        $call
            .body(Blob::new(Vec::new()))
            .model_id(model)
            .content_type(content_type)
            .accept(accept)
            .set_guardrail_identifier(id)
            .set_guardrail_version(version)
            .set_trace(trace)
            .set_performance_config_latency(latency)
            .set_service_tier(tier)
            .set_request_metadata(metadata)
            .customize()
    }};
}

impl BedrockModel {
    async fn invoke_whole(&self, head: Head, body: Bytes) -> Result<InvokeAnswer, ModelError> {
        let told = Arc::new(Told::default());
        let call = with_head!(self.client.invoke_model(), head)
            .interceptor(told::Ear(Arc::clone(&told)))
            .mutate_request(move |request| put_body(request, &body));
        let answer = call.send().await.map_err(errors::from_call)?;
        Ok(InvokeAnswer {
            service_tier: answer.service_tier.and_then(|it| ServiceTier::parse(it.as_str())),
            content_type: answer.content_type,
            usage: told.usage(),
            body: Bytes::from(answer.body.into_inner()),
        })
    }

    async fn invoke_chunks(&self, head: Head, body: Bytes) -> Result<Chunks, ModelError> {
        let call = with_head!(self.client.invoke_model_with_response_stream(), head)
            .mutate_request(move |request| put_body(request, &body));
        let answer = call.send().await.map_err(errors::from_call)?;
        let request_id = answer.request_id().map(str::to_owned);
        Ok(Chunks::new(answer.body, request_id, self.idle_timeout))
    }

    async fn count(&self, model: &ResolvedModel, body: Bytes, deadline: Duration) -> Result<u64, ModelError> {
        // CountTokens takes no inference profile, and an ARN of the account's own does not say what is behind it.
        let named = Some(&model.info.base_id).filter(|it| !it.is_empty()).unwrap_or(&model.bedrock_id);
        let named = catalog::foundation_id(named);
        // The SDK wants an input; what is sent is the body that stands in Converse.
        let input = sdk::CountTokensInput::Converse(sdk::ConverseTokensRequest::builder().build());
        let call = self.client.count_tokens().model_id(named).input(input);
        let call = call.customize().mutate_request(move |request| put_body(request, &body));
        let answer = match timeout(deadline, call.send()).await {
            Ok(answer) => answer.map_err(errors::from_call)?,
            Err(_) => return Err(errors::timed_out(deadline, "no count")),
        };
        u64::try_from(answer.input_tokens)
            .map_err(|_| errors::malformed("Bedrock counted fewer tokens than none"))
    }
}

#[async_trait]
impl RawModel for BedrockModel {
    async fn invoke(&self, call: InvokeCall) -> Result<InvokeAnswer, ModelError> {
        let deadline = call.deadline;
        let (head, body) = head::split(call)?;
        match timeout(deadline, self.invoke_whole(head, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(errors::timed_out(deadline, "no answer")),
        }
    }

    async fn invoke_stream(&self, call: InvokeCall) -> Result<ChunkStream, ModelError> {
        let deadline = call.deadline;
        let until = Instant::now() + deadline;
        let (head, body) = head::split(call)?;
        match timeout_at(until, self.invoke_chunks(head, body)).await {
            Ok(chunks) => chunks?.begin(until, deadline).await,
            Err(_) => Err(errors::timed_out(deadline, "nothing")),
        }
    }

    async fn count_tokens(
        &self,
        model: ResolvedModel,
        request: Request,
        deadline: Duration,
    ) -> Result<u64, ModelError> {
        let body = request::count_body(&model.info, &request)?;
        self.count(&model, body, deadline).await
    }

    async fn count_invoke_tokens(
        &self,
        model: ResolvedModel,
        body: Bytes,
        deadline: Duration,
    ) -> Result<u64, ModelError> {
        self.count(&model, count_body(&body), deadline).await
    }
}

/// The body of CountTokens for a body of InvokeModel.
fn count_body(body: &[u8]) -> Bytes {
    let mut out = String::with_capacity(body.len() / 3 * 4 + 64);
    out.push_str("{\"input\":{\"invokeModel\":{\"body\":\"");
    STANDARD.encode_string(body, &mut out);
    out.push_str("\"}}}");
    Bytes::from(out)
}
