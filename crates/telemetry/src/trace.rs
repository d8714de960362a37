//! Spans, and what ties them together over processes.
//!
//! A [`Span`] knows its parent by value, and is held by whoever does the work: it survives awaits, threads and streams, and
//! ends when it is dropped. Where no traces are exported it is empty, and only hands its parent's context on.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};

mod headers;
mod hex;
mod ids;

pub use self::headers::UNDECIDED;
pub use self::ids::Ids;
pub use opentelemetry::trace::SpanKind;
pub use opentelemetry::{Array, StringValue, Value};

/// W3C's header (<https://www.w3.org/TR/trace-context/>).
pub const TRACEPARENT: &str = "traceparent";
/// What vendors add to it.
pub const TRACESTATE: &str = "tracestate";
/// X-Ray's header, which load balancers of AWS set too
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
pub const XRAY_HEADER: &str = "x-amzn-trace-id";

/// Few spans have more of them.
const ATTRIBUTES: usize = 16;

static TRACER: OnceLock<BoxedTracer> = OnceLock::new();

/// From now on spans are recorded by this. To be called once.
pub fn install(tracer: BoxedTracer) {
    // A second one would be another process' worth of spans; the first goes on.
    drop(TRACER.set(tracer));
}

/// Whether spans are recorded at all.
#[must_use]
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

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

    /// Of a span of ours below `parent`, which is decided whatever that was.
    fn of(span: &SpanContext, parent: &Self) -> Self {
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        let state = parent.0.as_ref().and_then(|known| known.state.clone());
        let span = SpanContext::new(span.trace_id(), span.span_id(), flags, false, TraceState::NONE);
        Self(Some(Known { span, state }))
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceContext").field(&self.to_xray()).finish()
    }
}

/// Something that takes time. Ends when it is dropped.
pub struct Span {
    context: TraceContext,
    recorded: Option<BoxedSpan>,
}

impl Span {
    /// Begins now, below `parent`; a trace of its own where that is empty.
    pub fn start(kind: SpanKind, name: impl Into<Cow<'static, str>>, parent: &TraceContext) -> Self {
        Self::start_linked(kind, name, parent, &[])
    }

    /// The same, with what else it has to do with.
    pub fn start_linked(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
        links: &[TraceContext],
    ) -> Self {
        Self::begin(parent, || {
            let builder = SpanBuilder::from_name(name).with_kind(kind);
            if links.is_empty() {
                return builder;
            }
            let known = links.iter().filter_map(|it| it.span_context().cloned());
            builder.with_links(known.map(Link::with_context).collect())
        })
    }

    /// The same for what began at `at`, where only its end showed that it is worth telling.
    pub fn start_at(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
        at: SystemTime,
    ) -> Self {
        Self::begin(parent, || SpanBuilder::from_name(name).with_kind(kind).with_start_time(at))
    }

    fn begin(parent: &TraceContext, builder: impl FnOnce() -> SpanBuilder) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::none(parent.clone()) };
        let mut builder = builder();
        // Else they grow step by step.
        builder.attributes = Some(Vec::with_capacity(ATTRIBUTES));
        // Also where the trace alone is known: that makes no parent of it, and the sampler sees what was decided.
        let above = match parent.known() {
            Some(parent) => Context::new().with_remote_span_context(parent.clone()),
            None => Context::new(),
        };
        let trace = parent.known().map(SpanContext::trace_id);
        let recorded = ids::with_root(trace, || tracer.build_with_context(builder, &above));
        if !recorded.is_recording() {
            // The process is about to end, and nothing is recorded any more.
            return Self::none(parent.clone());
        }
        Self { context: TraceContext::of(recorded.span_context(), parent), recorded: Some(recorded) }
    }

    /// Nothing is recorded; children are those of `parent`.
    #[must_use]
    pub const fn none(parent: TraceContext) -> Self {
        Self { context: parent, recorded: None }
    }

    /// Where its children begin.
    #[must_use]
    pub const fn context(&self) -> &TraceContext {
        &self.context
    }

    /// Whether anything set here is kept: what is dear to find out need not be otherwise.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.recorded.is_some()
    }

    /// Notes something; the names are those of [`names`](crate::names).
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Notes something that happened in between.
    pub fn event(&mut self, name: &'static str, about: Vec<KeyValue>) {
        if let Some(span) = &mut self.recorded {
            span.add_event(name, about);
        }
    }

    /// Another name, once more is known.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recorded {
            span.update_name(name);
        }
    }

    /// It failed: `kind` is of a closed list (`error.type`), and no words of a request are in `why`.
    pub fn fail(&mut self, kind: &'static str, why: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(crate::names::ERROR_TYPE, kind));
            span.set_status(Status::error(why));
        }
    }

    /// Ends now.
    pub fn end(self) {}

    /// Ended at a moment that is over.
    pub fn end_at(mut self, at: SystemTime) {
        if let Some(mut span) = self.recorded.take() {
            span.end_with_timestamp(at);
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("context", &self.context)
            .field("recorded", &self.is_recording())
            .finish()
    }
}

#[cfg(test)]
#[path = "trace/tests.rs"]
mod tests;
