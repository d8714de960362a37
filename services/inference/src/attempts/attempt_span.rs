//! The span of one attempt: a call of Bedrock, from when it is sent until it is answered, or begins to be. And its metrics.

use std::future::Future;
use std::time::Instant;

use outcrop_http::RequestContext;
use outcrop_ports::ModelError;
use outcrop_telemetry::current::{self, Current};
use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TraceContext};
use outcrop_types::FailureKind;

use super::told;
use crate::metering::{PROVIDER, TargetLabels, Telling};
use crate::routing::Candidate;

/// The service that Bedrock's runtime is, in the SDKs' words.
const SERVICE: &str = "Bedrock Runtime";

/// What an attempt is called that went well.
const OK: &str = "ok";

/// An operation of Bedrock's runtime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    name: &'static str,
    span: &'static str,
}

impl Method {
    pub(crate) const CONVERSE: Self = Self { name: "Converse", span: "Bedrock Runtime.Converse" };
    pub(crate) const CONVERSE_STREAM: Self =
        Self { name: "ConverseStream", span: "Bedrock Runtime.ConverseStream" };
    pub(crate) const INVOKE_MODEL: Self = Self { name: "InvokeModel", span: "Bedrock Runtime.InvokeModel" };
    pub(crate) const INVOKE_STREAM: Self =
        Self { name: "InvokeModelWithResponseStream", span: "Bedrock Runtime.InvokeModelWithResponseStream" };
    pub(crate) const COUNT_TOKENS: Self = Self { name: "CountTokens", span: "Bedrock Runtime.CountTokens" };
}

/// What an attempt is called whose caller went away.
const CANCELLED: &str = "cancelled";

/// What an attempt is part of.
pub(super) struct Whole {
    pub(super) trace: TraceContext,
    /// The name of the operation; `None` where it is no call of a model, and not measured as one.
    pub(super) operation: Option<&'static str>,
    /// What metrics name its target, if there are any.
    pub(super) labels: Option<TargetLabels>,
}

/// An attempt that is under way. Dropped, it is one whose caller went away.
pub(super) struct AttemptSpan {
    span: Span,
    operation: Option<&'static str>,
    labels: Option<TargetLabels>,
    begun: Instant,
    has_ended: bool,
}

impl Drop for AttemptSpan {
    fn drop(&mut self) {
        if !self.has_ended {
            self.span.set(names::OUTCOME, CANCELLED);
        }
    }
}

impl AttemptSpan {
    pub(super) fn begin(whole: Whole, method: Method, (target, attempt): (&Candidate, u8)) -> Self {
        let Whole { trace, operation, labels } = whole;
        let mut span = Span::start(SpanKind::Client, method.span, &trace);
        if span.is_recording() {
            span.set(names::RPC_SYSTEM, "aws-api");
            span.set(names::RPC_SERVICE, SERVICE);
            span.set(names::RPC_METHOD, method.name);
            span.set(names::ATTEMPT, i64::from(attempt));
            span.set(names::REGION, target.place.region.as_str());
            if let Some(account) = &target.place.account {
                span.set(names::ACCOUNT, account.to_string());
            }
            span.set(names::GEN_AI_PROVIDER, PROVIDER);
            span.set(names::GEN_AI_REQUEST_MODEL, &target.model.bedrock_id);
        }
        Self { span, operation, labels, begun: Instant::now(), has_ended: false }
    }

    /// Does the work of the attempt below it, so that Bedrock is told of its trace.
    pub(super) fn within<F: Future>(
        &self,
        context: &RequestContext,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let trace = self.span.context();
        let current = match current::get() {
            Some(current) => current.below(trace),
            // Whoever calls the service in this process need not have said what it works on.
            None => Current::new(context.request_id.as_str(), trace.clone()),
        };
        current.scope(work)
    }

    /// It was answered, or failed like this.
    pub(super) fn end(mut self, failure: Option<(&ModelError, FailureKind)>) {
        self.has_ended = true;
        let kind = failure.map(|(_, kind)| told::name(kind));
        self.span.set(names::OUTCOME, kind.unwrap_or(OK));
        if let Some((error, kind)) = failure {
            self.fail(error, told::name(kind));
        }
        if let Some(labels) = self.labels.take() {
            let throttled = failure.is_some_and(|(_, kind)| kind == FailureKind::Throttled);
            self.count(labels, kind, throttled);
        }
    }

    fn fail(&mut self, error: &ModelError, kind: &'static str) {
        self.span.fail(kind, kind);
        if let Some(id) = &error.bedrock_request_id {
            self.span.set(names::AWS_REQUEST_ID, id);
        }
        if let Some(wait) = error.retry_after {
            let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            self.span.event("retry_after", vec![KeyValue::new(names::DURATION_MS, millis)]);
        }
    }

    fn count(&self, labels: TargetLabels, failure: Option<&'static str>, throttled: bool) {
        let mut of = [
            KeyValue::new(names::GEN_AI_PROVIDER, PROVIDER),
            KeyValue::new(names::GEN_AI_OPERATION, self.operation.unwrap_or_default()),
            KeyValue::new(names::GEN_AI_REQUEST_MODEL, labels.model),
            KeyValue::new(names::REGION, labels.region),
            KeyValue::new(names::OUTCOME, failure.unwrap_or(OK)),
        ];
        names::MODEL_ATTEMPTS.add(1.0, &of[2..]);
        if throttled {
            names::THROTTLES.add(1.0, &of[2..4]);
        }
        if self.operation.is_none() {
            return;
        }
        let took = self.begun.elapsed().as_secs_f64();
        match failure {
            None => names::GEN_AI_CLIENT_DURATION.record(took, &of[..4]),
            Some(kind) => {
                of[4] = KeyValue::new(names::ERROR_TYPE, kind);
                names::GEN_AI_CLIENT_DURATION.record(took, &of);
            }
        }
    }
}

/// Another target is tried, because this one failed.
pub(super) fn moved_on(telling: &Telling, from: &Candidate, why: FailureKind) {
    if metric::is_going() {
        let model = KeyValue::new(names::GEN_AI_REQUEST_MODEL, telling.model(&from.model.info));
        names::FAILOVERS.add(1.0, &[model, KeyValue::new(names::REASON, told::name(why))]);
    }
}
