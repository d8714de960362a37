//! Calls of Bedrock's batch inference as they are seen from outside.

use std::time::SystemTime;

use outcrop_ports::{BatchModelState, PortError, PortFailure};
use outcrop_telemetry::trace::{Span, SpanKind, TraceContext};
use outcrop_telemetry::{current, names};
use outcrop_types::{Batch, BedrockBatch};

const SERVICE: &str = "Bedrock";

/// A call that changes something.
pub(super) async fn called<T>(
    method: &'static str,
    batch: &Batch,
    bedrock: &BedrockBatch,
    call: impl Future<Output = Result<T, PortError>>,
) -> Result<T, PortError> {
    let span = Span::start(SpanKind::Client, format!("{SERVICE}.{method}"), &current::trace());
    let mut span = described(span, method, batch, bedrock);
    let answer = current::below(&span.context().clone(), call).await;
    if let Err(error) = &answer {
        span.fail(
            match error.failure {
                PortFailure::Unavailable => "unavailable",
                PortFailure::Conflict => "conflict",
                PortFailure::Broken => "refused",
            },
            "Bedrock did not do it",
        );
    }
    answer
}

/// A look at the job that found it ended. Those before, which found nothing new, are not told.
pub(super) fn found(
    state: &BatchModelState,
    parent: &TraceContext,
    began: SystemTime,
    (batch, bedrock): (&Batch, &BedrockBatch),
) {
    const METHOD: &str = "GetModelInvocationJob";
    let span = Span::start_at(SpanKind::Client, format!("{SERVICE}.{METHOD}"), parent, began);
    let mut span = described(span, METHOD, batch, bedrock);
    span.set(
        names::OUTCOME,
        match state {
            BatchModelState::Running => "running",
            BatchModelState::Completed => "completed",
            BatchModelState::Ended { .. } => "ended",
            BatchModelState::Gone => "gone",
        },
    );
}

fn described(mut span: Span, method: &'static str, batch: &Batch, bedrock: &BedrockBatch) -> Span {
    if span.is_recording() {
        span.set(names::RPC_SYSTEM, "aws-api");
        span.set(names::RPC_SERVICE, SERVICE);
        span.set(names::RPC_METHOD, method);
        span.set(names::REGION, &bedrock.region);
        span.set(names::GEN_AI_REQUEST_MODEL, &bedrock.model);
        span.set(names::BATCH_ID, batch.id.to_string());
    }
    span
}
