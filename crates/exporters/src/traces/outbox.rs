//! Where spans go that are to be exported: each is copied to those that wait by the thread that ends it, and is gone. It is written
//! already, so that what waits is as long as it looks.

use std::sync::Arc;
use std::time::Duration;

use outcrop_telemetry::trace::SpanBytes;

use super::gate::Gate;
use super::keep::Next;
use super::waiting::Waiting;

/// Spans that end wait for the collector.
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
    fn fitting<'a>(&self, span: SpanBytes<'a>) -> Option<SpanBytes<'a>> {
        if self.gate.fits_first_half(span.written_len()) {
            return Some(span);
        }
        Some(span.without_content()).filter(|rest| self.gate.fits(rest.written_len()))
    }
}

impl Next for Outbox {
    fn put(&self, span: SpanBytes<'_>) {
        // Before anything is reckoned: where the collector is away, all that comes is dropped.
        if !self.gate.has_place() {
            return;
        }
        match self.fitting(span) {
            Some(span) => self.waiting.push(|out| span.write(out)),
            None => self.gate.give_back_place(),
        }
    }

    fn stop(&self, within: Duration) -> bool {
        self.waiting.stop(within)
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
