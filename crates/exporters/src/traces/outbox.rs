//! Where spans go that are to be exported: each is written as the collector reads it by the thread that ends it, and is gone.
//!
//! That costs less than to hand it on: no list of its attributes goes from thread to thread, to be taken apart by another than
//! made it, and what waits is as long as it looks.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::gate::Gate;
use super::waiting::Waiting;
use super::{encode, weight};

/// A flush waits so long at most.
const FLUSH: Duration = Duration::from_secs(5);
/// So much room stays with a thread from span to span, bytes. Few spans need more.
const ROOM: usize = 64 * 1024;

thread_local! {
    /// Where a span is written before it is put with the others, so that they are locked for its copy alone.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Spans that end are written and wait.
#[derive(Debug)]
pub(super) struct Outbox {
    gate: Arc<Gate>,
    waiting: Arc<Waiting>,
}

impl Outbox {
    pub(super) const fn new(gate: Arc<Gate>, waiting: Arc<Waiting>) -> Self {
        Self { gate, waiting }
    }

    /// As much of it as there is room for: prompts and answers go first.
    fn put(&self, mut span: SpanData, room: &mut Vec<u8>) {
        // Before anything is written: where the collector is away, all that comes is dropped.
        if !self.gate.has_place() {
            return;
        }
        let mut written = encode::span(&span, room);
        let mut fits = self.gate.fits_first_half(written.len());
        if !fits {
            if weight::has_content(&span) {
                weight::without_content(&mut span);
                written = encode::span(&span, room);
            }
            fits = self.gate.fits(written.len());
        }
        if fits {
            self.waiting.push(written);
        } else {
            self.gate.give_back_place();
        }
    }
}

impl SpanProcessor for Outbox {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        // A thread that is about to end has none any more.
        let mut room = SCRATCH.try_with(Cell::take).unwrap_or_default();
        self.put(span, &mut room);
        if room.capacity() <= ROOM {
            let _ = SCRATCH.try_with(|scratch| scratch.set(room));
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        if self.waiting.flush(FLUSH) { Ok(()) } else { Err(OTelSdkError::Timeout(FLUSH)) }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.waiting.stop(timeout) { Ok(()) } else { Err(OTelSdkError::Timeout(timeout)) }
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
