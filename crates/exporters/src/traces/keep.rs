//! Spans of traces that were not sampled, kept until it is known whether anything in them failed or took long.
//!
//! A trace is over for this process when none of its spans is open here any more; most often that is when its root ends. As
//! soon as one fails or took too long, all that is kept of its trace goes to the collector, and what still comes follows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, SpanContext, Status, TraceFlags, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::gate::count;
use super::weight;

/// Shards, so that threads seldom wait for one another.
const SHARDS: usize = 16;
/// Most spans of one trace that are kept while it is undecided: further ones are left out.
const PER_TRACE: usize = 256;
/// Most traces in a shard; the oldest is given up for a new one.
const TRACES: usize = 1_024;

/// Hands on what was sampled, and decides on the rest when it is over.
#[derive(Debug)]
pub(super) struct Keeper<P> {
    next: P,
    slow: Duration,
    shards: Box<[Mutex<Shard>]>,
}

impl<P: SpanProcessor> Keeper<P> {
    /// `most`: spans that are kept, over all traces.
    pub(super) fn new(next: P, slow: Duration, most: usize) -> Self {
        let most_bytes = weight::most(most) / SHARDS;
        let most = (most / SHARDS).max(PER_TRACE);
        let shard = || Mutex::new(Shard { most, most_bytes, ..Shard::default() });
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { next, slow, shards }
    }

    fn shard(&self, trace: TraceId) -> Option<MutexGuard<'_, Shard>> {
        let [.., last] = trace.to_bytes();
        let shard = self.shards.get(usize::from(last) % SHARDS)?;
        // Whoever panicked with it left at worst a trace that is never decided; the bounds hold.
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// It failed, or it took long: then its trace is worth a look.
    fn tells(&self, span: &SpanData) -> bool {
        matches!(span.status, Status::Error { .. })
            || span.end_time.duration_since(span.start_time).is_ok_and(|took| took > self.slow)
    }
}

impl<P: SpanProcessor> SpanProcessor for Keeper<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
        let it = span.span_context();
        if !it.is_sampled()
            && let Some(mut shard) = self.shard(it.trace_id())
        {
            let given_up = shard.begin(it.trace_id());
            drop(shard);
            count(given_up, "left_out");
        }
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            return self.next.on_end(span);
        }
        let tells = self.tells(&span);
        let Some(mut shard) = self.shard(span.span_context.trace_id()) else { return };
        let Verdict { export, left_out } = shard.end(span, tells);
        drop(shard);
        count(left_out, "left_out");
        for span in export {
            self.next.on_end(as_sampled(span));
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        for shard in &self.shards {
            let left_out = shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
            count(left_out, "left_out");
        }
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// Collectors that sample by the flag keep it.
fn as_sampled(mut span: SpanData) -> SpanData {
    let it = &span.span_context;
    span.span_context = SpanContext::new(
        it.trace_id(),
        it.span_id(),
        it.trace_flags() | TraceFlags::SAMPLED,
        it.is_remote(),
        it.trace_state().clone(),
    );
    span
}

/// Undecided traces.
#[derive(Debug, Default)]
struct Shard {
    traces: HashMap<TraceId, Kept>,
    /// The oldest first, some of them gone already.
    ages: VecDeque<(TraceId, u64)>,
    begun: u64,
    spans: usize,
    most: usize,
    /// Of text in them.
    bytes: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    number: u64,
    open: usize,
    spans: Vec<SpanData>,
    /// Of text in them.
    bytes: usize,
    /// Something in it failed or took long.
    tells: bool,
}

/// What becomes of spans.
#[derive(Debug, Default)]
struct Verdict {
    export: Vec<SpanData>,
    left_out: usize,
}

impl Shard {
    /// A span of this trace is open. How many spans of others were given up for it.
    fn begin(&mut self, trace: TraceId) -> usize {
        if let Some(kept) = self.traces.get_mut(&trace) {
            kept.open += 1;
            return 0;
        }
        let given_up = if self.traces.len() >= TRACES { self.give_up_the_oldest() } else { 0 };
        self.begun += 1;
        let number = self.begun;
        self.ages.push_back((trace, number));
        self.traces.insert(trace, Kept { number, open: 1, ..Kept::default() });
        if self.ages.len() > 2 * TRACES {
            let traces = &self.traces;
            self.ages.retain(|(trace, number)| traces.get(trace).is_some_and(|it| it.number == *number));
        }
        given_up
    }

    fn end(&mut self, mut span: SpanData, tells: bool) -> Verdict {
        let trace = span.span_context.trace_id();
        let Some(kept) = self.traces.get_mut(&trace) else {
            // Its trace was given up: all that can be told is the span alone.
            return if tells {
                Verdict { export: vec![span], left_out: 0 }
            } else {
                Verdict { export: Vec::new(), left_out: 1 }
            };
        };
        kept.open = kept.open.saturating_sub(1);
        kept.tells |= tells;
        let over = kept.open == 0;
        let mut verdict = Verdict::default();
        if kept.tells || over {
            let mut spans = std::mem::take(&mut kept.spans);
            self.spans -= spans.len();
            self.bytes -= std::mem::take(&mut kept.bytes);
            if kept.tells {
                spans.push(span);
                verdict.export = spans;
            } else {
                verdict.left_out = spans.len() + 1;
            }
        } else if kept.spans.len() < PER_TRACE {
            // Content has half of the room, as on its way to the collector.
            if weight::has_content(&span) && self.bytes + weight::of(&span) > self.most_bytes / 2 {
                weight::without_content(&mut span);
            }
            let bytes = weight::of(&span);
            kept.bytes += bytes;
            self.bytes += bytes;
            kept.spans.push(span);
            self.spans += 1;
        } else {
            verdict.left_out = 1;
        }
        if over {
            self.traces.remove(&trace);
        }
        while self.spans > self.most || self.bytes > self.most_bytes {
            verdict.left_out += self.give_up_the_oldest();
        }
        verdict
    }

    /// How many spans that were.
    fn give_up_the_oldest(&mut self) -> usize {
        while let Some((trace, number)) = self.ages.pop_front() {
            if self.traces.get(&trace).is_some_and(|it| it.number == number) {
                let Some(kept) = self.traces.remove(&trace) else { continue };
                self.spans -= kept.spans.len();
                self.bytes -= kept.bytes;
                return kept.spans.len();
            }
        }
        // There is none: nothing is kept.
        (self.spans, self.bytes) = (0, 0);
        0
    }

    fn clear(&mut self) -> usize {
        self.traces.clear();
        self.ages.clear();
        self.bytes = 0;
        std::mem::take(&mut self.spans)
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
