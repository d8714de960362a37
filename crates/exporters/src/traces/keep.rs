//! Spans of traces that were not sampled, kept until it is known whether anything in them failed or took long.
//!
//! A trace is over for this process when none of its spans is open here any more; most often that is when its root ends. As
//! soon as one fails or took too long, all that is kept of its trace goes to the collector, and what still comes follows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::trace::TraceId;
use outcrop_telemetry::trace::{Ended, Recorder, SpanBytes};

use super::gate::count;
use super::sampler::Ratio;
use super::shard::{Shard, Verdict};

/// Shards, so that threads seldom wait for one another.
pub(super) const SHARDS: usize = 16;

/// Where spans go that are exported.
pub(super) trait Next: Send + Sync {
    /// This one.
    fn put(&self, span: SpanBytes<'_>);

    /// Hands over what waits, for at most so long. Whether that was enough.
    fn stop(&self, within: Duration) -> bool;
}

/// Hands on what was sampled, and decides on the rest when it is over.
#[derive(Debug)]
pub(super) struct Keeper<N> {
    next: N,
    ratio: Ratio,
    slow: Duration,
    shards: Box<[Mutex<Shard>]>,
    /// Nothing is recorded any more.
    over: AtomicBool,
}

impl<N: Next> Keeper<N> {
    /// `most`: spans that are kept, over all traces.
    pub(super) fn new(next: N, ratio: Ratio, slow: Duration, most: usize) -> Self {
        let shards =
            std::iter::repeat_with(|| Mutex::new(Shard::one_of(SHARDS, most))).take(SHARDS).collect();
        Self { next, ratio, slow, shards, over: AtomicBool::new(false) }
    }

    /// Records nothing any more, and hands over what waits, for at most so long.
    pub(super) fn stop(&self, within: Duration) -> bool {
        self.over.store(true, Ordering::Release);
        for shard in &self.shards {
            let left_out = shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
            count(left_out, "left_out");
        }
        self.next.stop(within)
    }

    fn shard(&self, trace: TraceId) -> Option<MutexGuard<'_, Shard>> {
        let [.., last] = trace.to_bytes();
        let shard = self.shards.get(usize::from(last) % SHARDS)?;
        // Whoever panicked with it left at worst a trace that is never decided; the bounds hold.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

impl<N: Next> Recorder for Keeper<N> {
    fn begin(&self, trace: TraceId, said: Option<bool>) -> Option<bool> {
        if self.is_over() {
            return None;
        }
        let is_sampled = self.ratio.samples(trace, said);
        if !is_sampled && let Some(mut shard) = self.shard(trace) {
            let given_up = shard.begin(trace);
            drop(shard);
            count(given_up, "left_out");
        }
        Some(is_sampled)
    }

    fn end(&self, span: Ended<'_>) {
        if self.is_over() {
            return;
        }
        if span.bytes.is_sampled() {
            return self.next.put(span.bytes);
        }
        // It failed, or it took long: then its trace is worth a look.
        let tells = span.tells || span.took > self.slow;
        let Some(mut shard) = self.shard(span.trace) else { return };
        let Verdict { kept, export, left_out } = shard.end(span.trace, span.bytes, tells);
        drop(shard);
        count(left_out, "left_out");
        if export {
            kept.iter().for_each(|earlier| self.next.put(earlier.bytes().sampled()));
            self.next.put(span.bytes.sampled());
        }
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
