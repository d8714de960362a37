//! Spans on their way to a collector: all those that were sampled, and whole traces in which something failed or took long.
//!
//! A span that ends goes through [`keep::Keeper`], which holds what is not sampled until its fate is known, and past
//! [`gate::Gate`], which counts what waits, and its text: the SDK's queue behind it is never full. The SDK's thread hands batches to the
//! collector.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use outcrop_telemetry::trace::{self, Ids};

use self::export::Watched;
use self::gate::Gate;
use self::keep::Keeper;
use self::otlp::Collector;
use self::sampler::Ratio;
use crate::resource::resource;
use crate::{ExporterError, Options, TraceOptions};

mod encode;
mod export;
mod gate;
mod keep;
mod otlp;
mod sampler;
mod weight;

/// Most spans of one request to the collector.
const BATCH: usize = 512;
/// Longest that a span waits for others to go with.
const DELAY: Duration = Duration::from_secs(1);

/// The spans of this process.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    gate: Arc<Gate>,
}

/// Spans are recorded from now on, if there is a collector for them.
pub(crate) fn start(options: &Options) -> Result<Option<Traces>, ExporterError> {
    let Some(otlp) = &options.otlp else { return Ok(None) };
    let traces = Traces::new(Collector::new(otlp)?, options);
    trace::install(BoxedTracer::new(Box::new(traces.provider.tracer("outcrop"))));
    Ok(Some(traces))
}

impl Traces {
    fn new(collector: Collector, options: &Options) -> Self {
        let TraceOptions { sample_percent, slow, queue } = options.traces;
        let queue = queue.max(1);
        let gate = Arc::new(Gate::new(queue));
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(queue)
            .with_max_export_batch_size(BATCH.min(queue))
            .with_scheduled_delay(DELAY)
            .build();
        let batches = BatchSpanProcessor::builder(Watched::new(collector, Arc::clone(&gate)))
            .with_batch_config(batches)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_id_generator(Ids::default())
            .with_sampler(Ratio::percent(sample_percent))
            .with_resource(resource(options))
            .with_span_processor(Keeper::new(batches, Arc::clone(&gate), slow, queue))
            .build();
        Self { provider, gate }
    }

    /// Hands over what waits, for at most so long.
    pub(crate) fn finish(self, within: Duration) {
        // What it reports is what the gate has seen.
        drop(self.provider.shutdown_with_timeout(within));
        let left = self.gate.close();
        if left > 0 {
            tracing::warn!(spans = left, "the process ends before all its spans were taken by the collector");
        }
    }
}

#[cfg(test)]
#[path = "traces/tests.rs"]
mod tests;
