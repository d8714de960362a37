//! The thread that hands batches to the collector. What becomes of each is told to the gate.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

use super::encode::Envelope;
use super::gate::Gate;
use super::waiting::{Batch, Waiting};
use crate::ExporterError;
use crate::collector::{Collector, SendError};

const NAME: &str = "spans-otlp";
/// So long a collector is left alone that has failed once; twice as long after each failure more.
const PAUSE: Duration = Duration::from_millis(250);
/// But never longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Sends what waits, until it is told to stop.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) collector: Collector,
    pub(super) envelope: Envelope,
    pub(super) gate: Arc<Gate>,
    pub(super) waiting: Arc<Waiting>,
}

impl Sender {
    pub(super) fn start(self) -> Result<(), ExporterError> {
        let thread = Builder::new().name(NAME.to_owned()).spawn(move || self.run());
        thread.map(drop).map_err(|source| ExporterError::Thread { name: NAME, source })
    }

    fn run(self) {
        let mut failures = 0_u32;
        let mut pause = None;
        while let Some(batch) = self.waiting.take(pause) {
            failures = if self.send(&batch) { 0 } else { failures.saturating_add(1) };
            // What cannot be sent costs a connection each, and would not be there a moment later either.
            pause = (failures > 0).then(|| Instant::now() + pause_after(failures));
        }
        self.waiting.end();
    }

    /// Once. Whether the collector has it.
    fn send(&self, batch: &Batch) -> bool {
        let Batch { spans, bytes } = batch;
        let send = || self.collector.send::<ExportTraceServiceResponse>(self.envelope.around(bytes));
        match catch_unwind(AssertUnwindSafe(send)).unwrap_or(Err(SendError::Panicked)) {
            Ok(said) => {
                let refused = said.partial_success.map_or(0, |it| it.rejected_spans);
                let refused = usize::try_from(refused).unwrap_or_default();
                self.gate.taken(*spans, bytes.len(), refused.min(*spans));
                true
            }
            Err(error) => {
                self.gate.failed(*spans, bytes.len(), &error);
                false
            }
        }
    }
}

/// So many in a row.
fn pause_after(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_fails_is_left_alone_for_longer_and_longer() {
        let pauses: Vec<_> = (1..8).map(pause_after).collect();
        assert!(pauses.windows(2).all(|two| two[0] < two[1] || two[1] == LONGEST_PAUSE), "{pauses:?}");
        assert_eq!((pause_after(1), pause_after(u32::MAX)), (PAUSE, LONGEST_PAUSE));
    }
}
