//! Where the process' log, traces and metrics go: stderr, OTLP, Prometheus, CloudWatch's embedded metric format.
//!
//! Known to `outcrop-wiring` alone: everybody else speaks to `outcrop-telemetry`, and does not know who listens. Nothing
//! here makes a request wait: whatever is handed on goes through a bounded queue to a thread of its own, and what does not fit
//! is dropped and counted. Start at [`start`].

use std::time::{Duration, Instant};

mod emf;
mod error;
mod log;
mod metrics;
mod options;
mod process;
mod prometheus;
mod resource;
mod traces;

pub use self::error::ExporterError;
pub use self::options::{Emf, Format, LogOptions, MetricOptions, Options, Otlp, TraceOptions};

/// The log has so much time at least, whatever the others took.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What listens to the process. Dropped without [`finish`](Self::finish), its last moments may be lost.
#[must_use = "what is not finished loses its last moments"]
pub struct Exporters {
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
    Ok(Exporters { log, traces, metrics })
}

impl Exporters {
    /// The metrics as Prometheus reads them; `None` where nobody asked for them.
    #[must_use]
    pub fn prometheus(&self) -> Option<outcrop_telemetry::metric::Page> {
        self.metrics.as_ref().and_then(metrics::Metrics::page)
    }

    /// Hands over what is still there, for at most so long. Blocks: to be called when nothing else is to be done.
    pub fn finish(self, within: Duration) {
        let Self { log, traces, metrics } = self;
        let until = Instant::now() + within;
        // Side by side, as both may wait for a collector that does not answer.
        std::thread::scope(|scope| {
            if let Some(traces) = traces {
                scope.spawn(move || traces.finish(within));
            }
            if let Some(metrics) = metrics {
                metrics.finish(within);
            }
        });
        log.finish(until.saturating_duration_since(Instant::now()).max(LAST_LINES));
    }
}
