//! Undecided traces, within bounds of their number, of their spans and of the bytes of these.

use std::collections::{HashMap, VecDeque};

use opentelemetry::trace::TraceId;
use outcrop_telemetry::trace::SpanBytes;

use super::weight;

/// Most spans of one trace that are kept while it is undecided: further ones are left out.
pub(super) const PER_TRACE: usize = 256;
/// Most traces in a shard; the oldest is given up for a new one.
pub(super) const TRACES: usize = 1_024;

/// Some of the undecided traces.
#[derive(Debug, Default)]
pub(super) struct Shard {
    traces: HashMap<TraceId, Kept>,
    /// The oldest first, some of them gone already.
    ages: VecDeque<(TraceId, u64)>,
    begun: u64,
    spans: usize,
    most: usize,
    bytes: usize,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    number: u64,
    open: usize,
    spans: Vec<KeptSpan>,
    bytes: usize,
    /// Something in it failed or took long.
    tells: bool,
}

/// A copy of what a span told, no longer than that is.
#[derive(Debug)]
pub(super) struct KeptSpan {
    /// The content first.
    bytes: Box<[u8]>,
    content: usize,
    contents: u32,
    dropped: u32,
    flags: u32,
}

impl KeptSpan {
    fn of(span: SpanBytes<'_>) -> Self {
        Self {
            bytes: [span.content, span.fields].concat().into(),
            content: span.content.len(),
            contents: span.contents,
            dropped: span.dropped,
            flags: span.flags,
        }
    }

    pub(super) fn bytes(&self) -> SpanBytes<'_> {
        let (content, fields) = self.bytes.split_at_checked(self.content).unwrap_or((&[], &self.bytes));
        let Self { contents, dropped, flags, .. } = *self;
        SpanBytes { content, contents, fields, dropped, flags }
    }
}

/// What becomes of spans when one ends.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What was kept of its trace,
    pub(super) kept: Vec<KeptSpan>,
    /// and whether that is exported, and the one that ended with it. Else it goes where no lock is held.
    pub(super) export: bool,
    pub(super) left_out: usize,
}

impl Shard {
    /// One of so many shards, with its share of `most` spans.
    pub(super) fn one_of(shards: usize, most: usize) -> Self {
        let most_bytes = weight::most(most) / shards;
        Self { most: (most / shards).max(PER_TRACE), most_bytes, ..Self::default() }
    }

    /// A span of this trace is open. How many spans of others were given up for it.
    pub(super) fn begin(&mut self, trace: TraceId) -> usize {
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

    /// A span of this trace has ended; whether it tells that the trace is worth a look.
    pub(super) fn end(&mut self, trace: TraceId, span: SpanBytes<'_>, tells: bool) -> Verdict {
        let Some(kept) = self.traces.get_mut(&trace) else {
            // Its trace was given up: all that can be told is the span alone.
            return Verdict { export: tells, left_out: usize::from(!tells), ..Verdict::default() };
        };
        kept.open = kept.open.saturating_sub(1);
        kept.tells |= tells;
        let over = kept.open == 0;
        let mut verdict = Verdict::default();
        if kept.tells || over {
            (verdict.kept, verdict.export) = (std::mem::take(&mut kept.spans), kept.tells);
            self.spans -= verdict.kept.len();
            self.bytes -= std::mem::take(&mut kept.bytes);
            if !verdict.export {
                verdict.left_out = verdict.kept.len() + 1;
            }
        } else {
            verdict.left_out = self.keep(trace, span);
        }
        if over {
            self.traces.remove(&trace);
        }
        verdict
    }

    /// How many spans are left out for it.
    fn keep(&mut self, trace: TraceId, span: SpanBytes<'_>) -> usize {
        let Some(kept) = self.traces.get_mut(&trace).filter(|kept| kept.spans.len() < PER_TRACE) else {
            return 1;
        };
        // Content has half of the room, as on its way to the collector.
        let whole = self.bytes + span.content.len() + span.fields.len();
        let fits = !span.has_content() || whole <= self.most_bytes / 2;
        let span = KeptSpan::of(if fits { span } else { span.without_content() });
        let bytes = span.bytes.len();
        kept.bytes += bytes;
        kept.spans.push(span);
        self.bytes += bytes;
        self.spans += 1;
        let mut left_out = 0;
        while self.spans > self.most || self.bytes > self.most_bytes {
            left_out += self.give_up_the_oldest();
        }
        left_out
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

    pub(super) fn clear(&mut self) -> usize {
        self.traces.clear();
        self.ages.clear();
        self.bytes = 0;
        std::mem::take(&mut self.spans)
    }
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod tests;
