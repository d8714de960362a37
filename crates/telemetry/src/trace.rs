//! Spans, and what ties them together over processes.
//!
//! A [`Span`] knows its parent by value, and is held by whoever does the work: it survives awaits, threads and streams, and
//! ends when it is dropped. What it is told is written at once as collectors read it, and goes to a [`Recorder`]. Where none is
//! installed it is empty, and only hands its parent's context on.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

mod ended;
mod headers;
mod hex;
mod ids;
mod recorder;
mod recording;
mod span;
mod spare;

pub use self::ended::{Ended, SpanBytes};
pub use self::headers::UNDECIDED;
pub use self::recorder::{Recorder, install, is_on};
pub use self::span::{Span, now};
pub use opentelemetry::trace::SpanKind;
pub use opentelemetry::{Array, StringValue, Value};

/// W3C's header (<https://www.w3.org/TR/trace-context/>).
pub const TRACEPARENT: &str = "traceparent";
/// What vendors add to it.
pub const TRACESTATE: &str = "tracestate";
/// X-Ray's header, which load balancers of AWS set too
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
pub const XRAY_HEADER: &str = "x-amzn-trace-id";

/// Where in a trace something happens: what a child needs to know of its parent. Cheap to clone; empty outside of any trace.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct TraceContext(Option<Known>);

/// What is known of a place in a trace. Vendors' words are a client's, up to 512 bytes of many entries: they are one shared text
/// that nobody takes apart, and the `TraceState` of the span's context is empty, so that a copy of it allocates nothing.
#[derive(Clone, PartialEq, Eq)]
struct Known {
    span: SpanContext,
    state: Option<Arc<str>>,
}

impl From<SpanContext> for Known {
    fn from(span: SpanContext) -> Self {
        Self { span, state: None }
    }
}

impl TraceContext {
    /// In no trace.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// What headers say: W3C's, or X-Ray's where those say nothing. What makes no sense says nothing. X-Ray's may name a trace
    /// and no parent in it, as load balancers do: then the next span is a root of that trace.
    pub fn extract<'a, T: Into<Cow<'a, str>>>(get: impl Fn(&'static str) -> Option<T>) -> Self {
        let get = |name| get(name).map(Into::into);
        let w3c = || {
            let span = headers::from_w3c(&get(TRACEPARENT)?)?;
            let state = get(TRACESTATE).and_then(|text| headers::state_of(&text));
            Some(Known { span, state })
        };
        let xray = || Some(headers::from_xray(&get(XRAY_HEADER)?)?.into());
        Self(w3c().or_else(xray))
    }

    /// The headers that tell a peer: W3C's and X-Ray's. None outside of any trace.
    pub fn inject(&self, mut set: impl FnMut(&'static str, String)) {
        let Some(Known { span, state }) = &self.0 else { return };
        // W3C has no word for what nobody has decided: to say no would be a decision.
        if !headers::is_undecided(span)
            && let Some(parent) = headers::to_w3c(span)
        {
            set(TRACEPARENT, parent);
            if let Some(state) = state {
                set(TRACESTATE, state.to_string());
            }
        }
        if let Some(header) = headers::to_xray(span) {
            set(XRAY_HEADER, header);
        }
    }

    /// As one line, for rows and messages: W3C's `traceparent`.
    #[must_use]
    pub fn to_line(&self) -> Option<String> {
        headers::to_w3c(self.known()?)
    }

    /// From one line; empty where it makes no sense.
    #[must_use]
    pub fn from_line(line: &str) -> Self {
        Self(headers::from_w3c(line).map(Into::into))
    }

    /// X-Ray's own way to write it, for SQS' `AWSTraceHeader`.
    #[must_use]
    pub fn to_xray(&self) -> Option<String> {
        headers::to_xray(self.known()?)
    }

    /// From X-Ray's own way; empty where it makes no sense.
    #[must_use]
    pub fn from_xray(header: &str) -> Self {
        Self(headers::from_xray(header).map(Into::into))
    }

    /// The trace's id in hex.
    #[must_use]
    pub fn trace_id(&self) -> Option<impl fmt::Display + use<>> {
        self.known().map(|span| hex::Text::<32>::of(&span.trace_id().to_bytes()))
    }

    /// The trace's id as X-Ray writes it: `1-<time>-<random>`.
    #[must_use]
    pub fn xray_trace_id(&self) -> Option<impl fmt::Display + use<>> {
        self.known().map(|span| headers::xray_trace_id(span.trace_id()))
    }

    /// The span's id in hex; none where the trace alone is known.
    #[must_use]
    pub fn span_id(&self) -> Option<impl fmt::Display + use<>> {
        let id = self.known().map(SpanContext::span_id).filter(|id| *id != SpanId::INVALID);
        id.map(|id| hex::Text::<16>::of(&id.to_bytes()))
    }

    /// Whether it is in any trace.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The same with nobody's word on whether it is to be kept: of callers who are not believed in that.
    #[must_use]
    pub fn undecided(self) -> Self {
        let undecided = |Known { span, state }| Known {
            span: SpanContext::new(span.trace_id(), span.span_id(), UNDECIDED, true, TraceState::NONE),
            state,
        };
        Self(self.0.map(undecided))
    }

    /// As OpenTelemetry has it; none where the trace alone is known.
    #[must_use]
    pub fn span_context(&self) -> Option<&SpanContext> {
        self.known().filter(|span| span.is_valid())
    }

    fn known(&self) -> Option<&SpanContext> {
        self.0.as_ref().map(|known| &known.span)
    }

    /// What was decided above on whether the trace is kept. Load balancers decide on traces in which nothing is our parent.
    fn said(&self) -> Option<bool> {
        self.known().filter(|it| !headers::is_undecided(it)).map(SpanContext::is_sampled)
    }

    /// Of a span of ours below `parent`, which is decided whatever that was.
    fn of(trace: TraceId, span: SpanId, is_sampled: bool, parent: &Self) -> Self {
        let flags = TraceFlags::NOT_SAMPLED.with_sampled(is_sampled);
        let state = parent.0.as_ref().and_then(|known| known.state.clone());
        let span = SpanContext::new(trace, span, flags, false, TraceState::NONE);
        Self(Some(Known { span, state }))
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.to_xray()).finish()
    }
}

#[cfg(test)]
#[path = "trace/tests.rs"]
mod tests;
