//! Who listens to spans.

use std::sync::{Arc, OnceLock};

use opentelemetry::trace::TraceId;

use super::Ended;

static RECORDER: OnceLock<Box<dyn Recorder>> = OnceLock::new();

/// Decides on traces, and is told of spans. Called by whoever begins and ends spans, who is not to wait for it.
pub trait Recorder: Send + Sync {
    /// A span begins in this trace. `said` is what was decided further up, where anything was. Whether the trace is exported
    /// whatever happens in it; `None` if nothing is recorded any more.
    fn begin(&self, trace: TraceId, said: Option<bool>) -> Option<bool>;

    /// A span that was begun has ended.
    fn end(&self, span: Ended<'_>);
}

impl<T: Recorder> Recorder for Arc<T> {
    fn begin(&self, trace: TraceId, said: Option<bool>) -> Option<bool> {
        (**self).begin(trace, said)
    }

    fn end(&self, span: Ended<'_>) {
        (**self).end(span);
    }
}

/// From now on spans are recorded by this. To be called once.
pub fn install(recorder: Box<dyn Recorder>) {
    // A second one would be another process' worth of spans; the first goes on.
    drop(RECORDER.set(recorder));
}

/// Whether spans are recorded at all.
#[must_use]
pub fn is_on() -> bool {
    RECORDER.get().is_some()
}

/// The process' one.
pub(super) fn installed() -> Option<&'static dyn Recorder> {
    RECORDER.get().map(Box::as_ref)
}
