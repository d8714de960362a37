//! The span of one attempt: a call of Bedrock, from when it is sent until it is answered, or begins to be. And its metrics.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use outcrop_http::RequestContext;
use outcrop_ports::{ModelError, ModelInfo};
use outcrop_telemetry::current::{self, Current};
use outcrop_telemetry::later::{self, Of, Tell};
use outcrop_telemetry::metric::{self, KeyValue};
use outcrop_telemetry::names;
use outcrop_telemetry::trace::{Span, SpanKind, TraceContext, now};
use outcrop_types::FailureKind;

use super::told;
use crate::metering::{PROVIDER, Telling};
use crate::routing::{Candidate, TargetState};

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
}

/// An attempt that is under way. Dropped, it is one whose caller went away.
pub(super) struct AttemptSpan {
    /// Until it is over.
    attempt: Option<Attempt>,
    begun: Instant,
}

/// An attempt, and whom it is told by.
struct Attempt {
    span: Span,
    telling: Arc<Telling>,
    operation: Option<&'static str>,
    method: Method,
    target: Arc<TargetState>,
    model: Arc<ModelInfo>,
    number: u8,
}

/// An attempt that is over, and how it went.
struct Over {
    attempt: Attempt,
    how: How,
    took: Duration,
    at: SystemTime,
}

/// How an attempt went.
enum How {
    Answered,
    Cancelled,
    Failed { kind: FailureKind, bedrock_request_id: Option<String>, retry_after: Option<Duration> },
}

impl AttemptSpan {
    pub(super) fn begin(
        telling: &Arc<Telling>,
        whole: Whole,
        method: Method,
        (target, number): (&Candidate, u8),
    ) -> Self {
        let Whole { trace, operation } = whole;
        let attempt = Attempt {
            span: Span::start(SpanKind::Client, method.span, &trace),
            telling: Arc::clone(telling),
            operation,
            method,
            target: Arc::clone(&target.state),
            model: Arc::clone(&target.model.info),
            number,
        };
        Self { attempt: Some(attempt), begun: Instant::now() }
    }

    /// Does the work of the attempt below it, so that Bedrock is told of its trace.
    pub(super) fn within<F: Future>(
        &self,
        context: &RequestContext,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let trace = self.attempt.as_ref().map_or_else(TraceContext::none, |it| it.span.context().clone());
        let current = match current::get() {
            Some(current) => current.below(&trace),
            // Whoever calls the service in this process need not have said what it works on.
            None => Current::new(context.request_id.as_str(), trace),
        };
        current.scope(work)
    }

    /// It was answered, or failed like this.
    pub(super) fn end(mut self, failure: Option<(&ModelError, FailureKind)>) {
        self.over(failure.map_or(How::Answered, |(error, kind)| How::Failed {
            kind,
            bedrock_request_id: error.bedrock_request_id.clone(),
            retry_after: error.retry_after,
        }));
    }

    fn over(&mut self, how: How) {
        let Some(attempt) = self.attempt.take() else { return };
        if attempt.span.is_recording() || metric::is_going() {
            let (took, at) = (self.begun.elapsed(), now());
            later::tell(Of::Attempt, Box::new(Over { attempt, how, took, at }));
        }
    }
}

impl Drop for AttemptSpan {
    fn drop(&mut self) {
        self.over(How::Cancelled);
    }
}

impl Tell for Over {
    fn tell(self: Box<Self>) {
        let Self { mut attempt, how, took, at } = *self;
        if attempt.span.is_recording() {
            attempt.put();
            attempt.put_end(&how, at);
        }
        // What its caller gave up says nothing of its target.
        let failure = match how {
            How::Answered => Some(None),
            How::Failed { kind, .. } => Some(Some(kind)),
            How::Cancelled => None,
        };
        if let Some(failure) = failure.filter(|_| metric::is_going()) {
            attempt.count(failure, took);
        }
        attempt.span.end_at(at);
    }
}

impl Attempt {
    fn put(&mut self) {
        let (span, place) = (&mut self.span, self.target.place());
        span.set(names::RPC_SYSTEM, "aws-api");
        span.set(names::RPC_SERVICE, SERVICE);
        span.set(names::RPC_METHOD, self.method.name);
        span.set(names::ATTEMPT, i64::from(self.number));
        span.set(names::REGION, place.region.as_str());
        if let Some(account) = &place.account {
            span.set(names::ACCOUNT, account.to_string());
        }
        span.set(names::GEN_AI_PROVIDER, PROVIDER);
        span.set(names::GEN_AI_REQUEST_MODEL, self.target.bedrock_id());
    }

    fn put_end(&mut self, how: &How, at: SystemTime) {
        let span = &mut self.span;
        let (kind, id, wait) = match how {
            How::Answered => return span.set(names::OUTCOME, OK),
            How::Cancelled => return span.set(names::OUTCOME, CANCELLED),
            How::Failed { kind, bedrock_request_id, retry_after } => {
                (told::name(*kind), bedrock_request_id, retry_after)
            }
        };
        span.set(names::OUTCOME, kind);
        // The next attempt may go well.
        span.fail_within(kind, kind);
        if let Some(id) = id {
            span.set(names::AWS_REQUEST_ID, id);
        }
        if let Some(wait) = wait {
            let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            span.event_at("retry_after", at, vec![KeyValue::new(names::DURATION_MS, millis)]);
        }
    }

    fn count(&self, failure: Option<FailureKind>, took: Duration) {
        let labels = self.telling.target(&self.model, &self.target.place().region);
        let mut of = [
            KeyValue::new(names::GEN_AI_PROVIDER, PROVIDER),
            KeyValue::new(names::GEN_AI_OPERATION, self.operation.unwrap_or_default()),
            KeyValue::new(names::GEN_AI_REQUEST_MODEL, labels.model),
            KeyValue::new(names::REGION, labels.region),
            KeyValue::new(names::OUTCOME, failure.map_or(OK, told::name)),
        ];
        names::MODEL_ATTEMPTS.add(1.0, &of[2..]);
        if failure == Some(FailureKind::Throttled) {
            names::THROTTLES.add(1.0, &of[2..4]);
        }
        if self.operation.is_none() {
            return;
        }
        let took = took.as_secs_f64();
        match failure {
            None => names::GEN_AI_CLIENT_DURATION.record(took, &of[..4]),
            Some(kind) => {
                of[4] = KeyValue::new(names::ERROR_TYPE, told::name(kind));
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
