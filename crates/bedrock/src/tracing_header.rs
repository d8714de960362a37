//! Where a call is in its trace: told to Bedrock, and told of calls that are no attempts at a model.
//!
//! AWS' services take X-Ray's header from any caller. It is not signed: the signer leaves it out, as what stands between may
//! change it.

use std::future::Future;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use outcrop_ports::ModelError;
use outcrop_telemetry::trace::{Span, SpanKind, XRAY_HEADER};
use outcrop_telemetry::{current, names};
use outcrop_types::Classify as _;

/// Puts the trace of the task's work into each request; nothing where it is in none.
#[derive(Debug)]
pub(crate) struct TraceHeader;

impl Intercept for TraceHeader {
    fn name(&self) -> &'static str {
        "TraceHeader"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(trace) = current::trace().to_xray() {
            context.request_mut().headers_mut().insert(XRAY_HEADER, trace);
        }
        Ok(())
    }
}

/// A call of AWS that is no attempt at a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    /// The service, in the SDKs' words.
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    /// Both.
    pub(crate) span: &'static str,
}

/// Does the call below a span of its own, where it is part of a trace.
pub(crate) async fn traced<T>(
    operation: Operation,
    region: &str,
    call: impl Future<Output = Result<T, ModelError>>,
) -> Result<T, ModelError> {
    let parent = current::trace();
    if !parent.is_some() {
        // What this process does by itself, such as looking at lists, is part of none.
        return call.await;
    }
    let mut span = Span::start(SpanKind::Client, operation.span, &parent);
    let answer = current::below(span.context(), call).await;
    if span.is_recording() {
        span.set(names::RPC_SYSTEM, "aws-api");
        span.set(names::RPC_SERVICE, operation.service);
        span.set(names::RPC_METHOD, operation.method);
        span.set(names::REGION, region);
        if let Err(error) = &answer {
            let kind = error.code().name();
            // Whoever asked may do without it.
            span.fail_within(kind, kind);
            if let Some(id) = &error.bedrock_request_id {
                span.set(names::AWS_REQUEST_ID, id);
            }
        }
    }
    answer
}
