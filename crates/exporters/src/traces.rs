//! Spans on their way to a collector: all those that were sampled, and whole traces in which something failed or took long.
//!
//! A span that ends goes through [`keep::Keeper`], which holds what is not sampled until its fate is known, into the
//! [`outbox::Outbox`], where it is written as the collector reads it. [`gate::Gate`] bounds what waits there and counts what is lost, and
//! a thread, [`sender::Sender`], hands it over.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use outcrop_telemetry::trace::{self, Ids};

use self::encode::Envelope;
use self::gate::Gate;
use self::keep::Keeper;
use self::otlp::Collector;
use self::outbox::Outbox;
use self::sampler::Ratio;
use self::sender::Sender;
use self::waiting::Waiting;
use crate::resource::resource;
use crate::{ExporterError, Options, TraceOptions};

mod attributes;
mod encode;
mod gate;
mod keep;
mod otlp;
mod outbox;
mod protobuf;
mod sampler;
mod sender;
mod waiting;
mod weight;

/// What the spans of this process are of: it has one tracer.
const SCOPE: &str = "outcrop";

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
    let traces = Traces::new(Collector::new(otlp)?, options)?;
    trace::install(BoxedTracer::new(Box::new(traces.provider.tracer(SCOPE))));
    Ok(Some(traces))
}

impl Traces {
    fn new(collector: Collector, options: &Options) -> Result<Self, ExporterError> {
        let TraceOptions { sample_percent, slow, queue } = options.traces;
        let queue = queue.max(1);
        let (gate, resource) = (Arc::new(Gate::new(queue)), resource(options));
        let waiting = Arc::new(Waiting::new(BATCH.min(queue), DELAY));
        let envelope = Envelope::new(&resource, SCOPE);
        Sender { collector, envelope, gate: Arc::clone(&gate), waiting: Arc::clone(&waiting) }.start()?;
        let provider = SdkTracerProvider::builder()
            .with_id_generator(Ids::default())
            .with_sampler(Ratio::percent(sample_percent))
            .with_resource(resource)
            .with_span_processor(Keeper::new(Outbox::new(Arc::clone(&gate), waiting), slow, queue))
            .build();
        Ok(Self { provider, gate })
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
