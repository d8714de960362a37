//! Spans, as whoever does the work holds them.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind, TraceId};

use super::recorder::{Recorder, installed};
use super::recording::{Begun, Recording};
use super::{TraceContext, ids, spare};
use crate::otlp::Written;

/// When it is, as spans tell.
#[must_use]
pub fn now() -> SystemTime {
    opentelemetry::time::now()
}

/// Something that takes time. Ends when it is dropped.
pub struct Span {
    context: TraceContext,
    open: Option<Open>,
}

/// What is told, and to whom.
struct Open {
    begun: Begun,
    /// From its first word on: many spans say all they have to say at their end.
    recording: Option<Box<Recording>>,
    recorder: &'static dyn Recorder,
}

impl Open {
    fn recording(&mut self) -> &mut Recording {
        self.recording.get_or_insert_with(spare::take)
    }
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
        let Some(recorder) = installed() else { return Self::none(parent.clone()) };
        let mut span = Self::begin(recorder, kind, name, parent, now());
        if let Some(open) = span.open.as_mut().filter(|_| !links.is_empty()) {
            links.iter().filter_map(TraceContext::span_context).for_each(|it| open.recording().link(it));
        }
        span
    }

    /// The same for what began at `at`, where only its end showed that it is worth telling.
    pub fn start_at(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
        at: SystemTime,
    ) -> Self {
        match installed() {
            Some(recorder) => Self::begin(recorder, kind, name, parent, at),
            None => Self::none(parent.clone()),
        }
    }

    /// The same with a recorder of the test's own: the process' may be installed but once.
    #[cfg(any(test, feature = "testing"))]
    pub fn start_for(
        recorder: &'static dyn Recorder,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
    ) -> Self {
        Self::begin(recorder, SpanKind::Internal, name, parent, now())
    }

    fn begin(
        recorder: &'static dyn Recorder,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: &TraceContext,
        at: SystemTime,
    ) -> Self {
        // A trace that somebody has named before us keeps its id, though nothing in it may be our parent: load balancers of AWS
        // do that.
        let named = parent.known().map(SpanContext::trace_id).filter(|it| *it != TraceId::INVALID);
        let trace = named.unwrap_or_else(|| ids::new_trace(at));
        let id = ids::new_span();
        let Some(is_sampled) = recorder.begin(trace, parent.said()) else {
            // The process is about to end.
            return Self::none(parent.clone());
        };
        let context = TraceContext::of(trace, id, is_sampled, parent);
        let begun = Begun::new(kind, name.into(), parent.span_context(), at);
        Self { context, open: Some(Open { begun, recording: None, recorder }) }
    }

    /// Nothing is recorded; children are those of `parent`.
    #[must_use]
    pub const fn none(parent: TraceContext) -> Self {
        Self { context: parent, open: None }
    }

    /// Where its children begin.
    #[must_use]
    pub const fn context(&self) -> &TraceContext {
        &self.context
    }

    /// Whether anything set here is kept: what is dear to find out need not be otherwise.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    /// Notes something; the names are those of [`names`](crate::names). A text may be borrowed.
    pub fn set(&mut self, key: &'static str, value: impl Written) {
        if let Some(open) = &mut self.open {
            open.recording().set(key, &value);
        }
    }

    /// Notes something that happens now.
    pub fn event(&mut self, name: &'static str, about: Vec<KeyValue>) {
        if self.is_recording() {
            self.event_at(name, now(), about);
        }
    }

    /// The same for what happened at `at`.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for this")]
    pub fn event_at(&mut self, name: &'static str, at: SystemTime, about: Vec<KeyValue>) {
        if let Some(open) = &mut self.open {
            open.recording().event(name, at, &about);
        }
    }

    /// The same span, for whoever tells of it; nothing is recorded here any more.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self { context: self.context.clone(), open: self.open.take() }
    }

    /// Another name, once more is known.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(Open { begun, .. }) = &mut self.open {
            begun.name = name.into();
        }
    }

    /// It failed: `kind` is of a closed list (`error.type`), and no words of a request are in `why`. To be told
    /// once: of a second time the status is the later one, and both kinds are told.
    pub fn fail(&mut self, kind: &'static str, why: impl Into<Cow<'static, str>>) {
        self.fail_within(kind, why);
        if let Some(open) = &mut self.open {
            open.begun.tells = true;
        }
    }

    /// The same for what may be made good, or is the client's own fault: a trace that is not sampled is not exported for
    /// this. Whoever it is a part of has the last word.
    pub fn fail_within(&mut self, kind: &'static str, why: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.recording().set(crate::names::ERROR_TYPE, kind);
            open.begun.failed = Some(why.into());
        }
    }

    /// Ends now.
    pub fn end(self) {}

    /// Ended at a moment that is over.
    pub fn end_at(mut self, at: SystemTime) {
        self.finish(|| at);
    }

    fn finish(&mut self, at: impl FnOnce() -> SystemTime) {
        let Some(Open { begun, recording, recorder }) = self.open.take() else { return };
        let mut recording = recording.unwrap_or_else(spare::take);
        if let Some(context) = self.context.span_context() {
            recorder.end(recording.end(&begun, context, at()));
        }
        spare::give_back(recording);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.finish(now);
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
