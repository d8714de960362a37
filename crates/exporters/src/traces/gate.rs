//! How many spans wait and how long they are as they are written, and whether the collector takes them. What does not fit is
//! dropped here, where it is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use opentelemetry::KeyValue;
use outcrop_telemetry::names;

use super::weight;

/// Bounds the queue of spans, and tells of trouble once.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    /// The same of bytes.
    most_bytes: usize,
    /// Written and not yet taken by the collector, nor given up.
    waiting: AtomicUsize,
    bytes: AtomicUsize,
    /// Since trouble began.
    lost: AtomicU64,
    trouble: AtomicBool,
}

impl Gate {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            most_bytes: weight::most(most),
            waiting: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            trouble: AtomicBool::new(false),
        }
    }

    /// Whether there is a place for one more. If so it has to be given back, or what has it to be handed on.
    pub(super) fn has_place(&self) -> bool {
        let has = reserve(&self.waiting, 1, self.most);
        if !has {
            self.dropped();
        }
        has
    }

    /// What had a place is dropped after all.
    pub(super) fn give_back_place(&self) {
        self.dropped();
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether so many bytes more fit the first half of the room, which is all that content has: the rest is for what tells of
    /// calls and not of their words.
    pub(super) fn fits_first_half(&self, bytes: usize) -> bool {
        reserve(&self.bytes, bytes, self.most_bytes / 2)
    }

    /// Whether so many bytes more fit at all.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        reserve(&self.bytes, bytes, self.most_bytes)
    }

    fn dropped(&self) {
        count(1, "dropped");
        self.lost.fetch_add(1, Ordering::Relaxed);
        if !self.trouble.swap(true, Ordering::AcqRel) {
            tracing::warn!("the collector is too slow for our spans: some are dropped");
        }
    }

    /// The collector took so many, of so many bytes, but for some that it refused.
    pub(super) fn taken(&self, spans: usize, bytes: usize, refused: usize) {
        count(spans.saturating_sub(refused), "exported");
        if refused > 0 {
            count(refused, "failed");
            self.lost.fetch_add(refused as u64, Ordering::Relaxed);
            names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "traces")]);
            if !self.trouble.swap(true, Ordering::AcqRel) {
                tracing::warn!(spans = refused, "the collector refuses some of our spans");
            }
        }
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        let waiting = self.waiting.fetch_sub(spans, Ordering::AcqRel).saturating_sub(spans);
        // A collector that takes some of what it gets is in trouble still; half the queue is room enough for a good one.
        if refused == 0 && waiting <= self.most / 2 && self.trouble.swap(false, Ordering::AcqRel) {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            tracing::info!(spans_lost = lost, "the collector takes our spans again");
        }
    }

    /// The collector did not take so many; they are given up.
    pub(super) fn failed(&self, spans: usize, bytes: usize, error: &dyn std::error::Error) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        count(spans, "failed");
        names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "traces")]);
        // Whoever sees the place free sees the loss.
        self.lost.fetch_add(spans as u64, Ordering::Relaxed);
        self.waiting.fetch_sub(spans, Ordering::AcqRel);
        if !self.trouble.swap(true, Ordering::AcqRel) {
            tracing::warn!(error = %error, "the collector does not take our spans: what it was sent is lost");
        }
    }

    /// Nothing is handed over any more. How many were left.
    pub(super) fn close(&self) -> usize {
        let left = self.waiting.load(Ordering::Acquire);
        count(left, "dropped");
        left
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Takes so many more, if that is no more than `most` in all.
fn reserve(of: &AtomicUsize, more: usize, most: usize) -> bool {
    let sum = |now: usize| now.checked_add(more).filter(|sum| *sum <= most);
    of.fetch_update(Ordering::AcqRel, Ordering::Relaxed, sum).is_ok()
}

/// What became of so many spans.
pub(super) fn count(spans: usize, outcome: &'static str) {
    if spans > 0 {
        names::TELEMETRY_SPANS.add(spans as f64, &[KeyValue::new(names::OUTCOME, outcome)]);
    }
}
