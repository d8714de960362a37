//! Where the process' log, traces and metrics go: stderr, OTLP, Prometheus, CloudWatch's embedded metric format.
//!
//! Known to `outcrop-wiring` alone: everybody else speaks to `outcrop-telemetry`, and does not know who listens. Nothing
//! here makes a request wait: whatever is handed on goes through a bounded queue to a thread of its own, and what does not fit
//! is dropped and counted. Start at [`start`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

mod collector;
mod emf;
mod error;
mod log;
mod metrics;
mod options;
mod process;
mod prometheus;
mod resource;
mod teller;
mod traces;

pub use self::error::ExporterError;
pub use self::options::{Emf, Format, LogOptions, MetricOptions, Options, Otlp, TraceOptions};

/// The log has so much time at least, whatever the others took.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What listens to the process. Dropped without [`finish`](Self::finish), its last moments may be lost.
#[must_use = "what is not finished loses its last moments"]
pub struct Exporters {
    /// Ends first: what it still has to tell goes to the others.
    teller: teller::Teller,
    log: log::Log,
    traces: Option<traces::Traces>,
    metrics: Option<metrics::Metrics>,
}

/// Begins to listen to the whole process: its log now, and its spans and metrics where the options want them. To be
/// called once, before anything is recorded.
///
/// # Errors
/// [`ExporterError`]: an option makes no sense, or it was called before.
pub fn start(options: &Options) -> Result<Exporters, ExporterError> {
    let log = log::start(options)?;
    let traces = traces::start(options)?;
    let metrics = metrics::start(options)?;
    let teller = teller::Teller::start()?;
    Ok(Exporters { teller, log, traces, metrics })
}

impl Exporters {
    /// The metrics as Prometheus reads them; `None` where nobody asked for them.
    #[must_use]
    pub fn prometheus(&self) -> Option<outcrop_telemetry::metric::Page> {
        self.metrics.as_ref().and_then(metrics::Metrics::page)
    }

    /// Hands over what is still there, for at most so long. Blocks: to be called when nothing else is to be done.
    pub fn finish(self, within: Duration) {
        let Self { teller, log, traces, metrics } = self;
        let until = Instant::now() + within;
        // That waits for nobody.
        drop(teller);
        let traces = Mutex::new(traces);
        let last_spans = || {
            let traces = traces.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(traces) = traces {
                calmly("traces", || traces.finish(within));
            }
        };
        // Side by side, as both may wait for a collector that does not answer.
        std::thread::scope(|scope| {
            let beside = Builder::new().name("last-spans".to_owned()).spawn_scoped(scope, last_spans);
            if let Some(metrics) = metrics {
                calmly("metrics", || metrics.finish(within));
            }
            if beside.is_err() {
                // There is no thread to be had.
                last_spans();
            }
        });
        log.finish(until.saturating_duration_since(Instant::now()).max(LAST_LINES));
    }
}

/// A fault of what only tells of the work does not become the end of a process that did it well. Whether there was none.
fn calmly(what: &'static str, work: impl FnOnce()) -> bool {
    let went_well = catch_unwind(AssertUnwindSafe(work)).is_ok();
    if !went_well {
        tracing::error!(signal = what, "the last of it could not be handed on");
    }
    went_well
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fault_at_the_end_stays_there() {
        assert!(super::calmly("traces", || {}));
        assert!(!super::calmly("traces", || panic!("at the end")));
    }
}
