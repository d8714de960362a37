//! The ids of traces and spans.

use std::cell::Cell;
use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// The trace that the next root of this thread begins, where its id is known already.
    static GIVEN: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// X-Ray's ids, which begin with the time, four bytes of seconds
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids>); a trace that somebody has
/// named before us keeps its id, though nothing in it is
/// our parent: load balancers of AWS do that.
#[derive(Debug, Default)]
pub struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.take().unwrap_or_else(|| {
            let since = opentelemetry::time::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let mut id = self.0.new_trace_id().to_bytes();
            // They need a fifth byte from the year 2106 on.
            id[..4].copy_from_slice(&(since.as_secs() as u32).to_be_bytes());
            TraceId::from(u128::from_be_bytes(id))
        })
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
