//! The ids of traces and spans.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_aws::trace::XrayIdGenerator;
use opentelemetry_sdk::trace::IdGenerator;

thread_local! {
    /// The trace that the next root of this thread begins, where its id is known already.
    static GIVEN: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// X-Ray's ids, which begin with the time; a trace that somebody has named before us keeps its id, though nothing in it is
/// our parent: load balancers of AWS do that.
#[derive(Debug, Default)]
pub struct Ids(XrayIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Does `work`, in which a root of this trace begins.
pub(super) fn with_root<T>(trace: Option<TraceId>, work: impl FnOnce() -> T) -> T {
    let Some(trace) = trace else { return work() };
    GIVEN.set(Some(trace));
    let done = work();
    // Another generator of ids has left it where it is.
    GIVEN.set(None);
    done
}
