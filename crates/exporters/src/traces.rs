//! Spans on their way to a collector: all those that were sampled, and whole traces in which something failed or took long.
//!
//! A span that ends goes through [`keep::Keeper`], which holds what is not sampled until its fate is known, into the
//! [`outbox::Outbox`]. It is written by then as the collector reads it. [`gate::Gate`] bounds what waits there and counts what is
//! lost, and a thread, [`sender::Sender`], hands it over.

use std::sync::Arc;
use std::time::Duration;

use outcrop_telemetry::trace;

use self::encode::Envelope;
use self::gate::Gate;
use self::keep::Keeper;
use self::outbox::Outbox;
use self::sampler::Ratio;
use self::sender::Sender;
use self::waiting::Waiting;
use crate::collector::Collector;
use crate::resource::resource;
use crate::{ExporterError, Options, TraceOptions};

mod encode;
mod gate;
mod keep;
mod outbox;
mod sampler;
mod sender;
mod shard;
mod waiting;
mod weight;

/// What the spans of this process are of: it has one recorder.
const SCOPE: &str = "outcrop";

/// Most spans of one request to the collector.
const BATCH: usize = 512;
/// Longest that a span waits for others to go with.
const DELAY: Duration = Duration::from_secs(1);

/// The spans of this process.
pub(crate) struct Traces {
    keeper: Arc<Keeper<Outbox>>,
    gate: Arc<Gate>,
}

/// Spans are recorded from now on, if there is a collector for them.
pub(crate) fn start(options: &Options) -> Result<Option<Traces>, ExporterError> {
    let Some(otlp) = &options.otlp else { return Ok(None) };
    let traces = Traces::new(Collector::new(otlp, "traces")?, options)?;
    trace::install(Box::new(Arc::clone(&traces.keeper)));
    Ok(Some(traces))
}

impl Traces {
    fn new(collector: Collector, options: &Options) -> Result<Self, ExporterError> {
        let TraceOptions { sample_percent, slow, queue } = options.traces;
        let queue = queue.max(1);
        let gate = Arc::new(Gate::new(queue));
        let waiting = Arc::new(Waiting::new(BATCH.min(queue), DELAY));
        let envelope = Envelope::new(&resource(options), SCOPE);
        Sender { collector, envelope, gate: Arc::clone(&gate), waiting: Arc::clone(&waiting) }.start()?;
        let outbox = Outbox::new(Arc::clone(&gate), waiting);
        let keeper = Arc::new(Keeper::new(outbox, Ratio::percent(sample_percent), slow, queue));
        Ok(Self { keeper, gate })
    }

    /// Hands over what waits, for at most so long.
    pub(crate) fn finish(self, within: Duration) {
        // What it reports is what the gate has seen.
        self.keeper.stop(within);
        let left = self.gate.close();
        if left > 0 {
            tracing::warn!(spans = left, "the process ends before all its spans were taken by the collector");
        }
    }
}

#[cfg(test)]
#[path = "traces/tests.rs"]
mod tests;
