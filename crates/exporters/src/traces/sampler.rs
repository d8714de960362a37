//! Which traces are exported whatever happens in them. All are recorded: what fails is not known at the beginning.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use outcrop_telemetry::trace::UNDECIDED;

/// The parent's word where it has one; else so many of a hundred, chosen by the trace's id, so that all processes choose alike.
#[derive(Debug, Clone)]
pub(super) struct Ratio {
    percent: u64,
}

impl Ratio {
    pub(super) fn percent(percent: u8) -> Self {
        Self { percent: u64::from(percent.min(100)) }
    }

    /// X-Ray's ids begin with the time and end with what is random.
    fn takes(&self, trace: TraceId) -> bool {
        let [.., a, b, c, d] = trace.to_bytes();
        let random = u64::from(u32::from_be_bytes([a, b, c, d]));
        random * 100 < self.percent << u32::BITS
    }
}

impl ShouldSample for Ratio {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        _name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let sampled = parent.and_then(decision).unwrap_or_else(|| self.takes(trace));
        SamplingResult {
            decision: if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::RecordOnly },
            attributes: Vec::new(),
            // What vendors say stays with `TraceContext`, which hands it on.
            trace_state: TraceState::NONE,
        }
    }
}

/// What was decided above. Load balancers decide on traces in which nothing is our parent.
fn decision(parent: &Context) -> Option<bool> {
    let span = parent.span();
    let it = span.span_context();
    let is_decided = it.trace_id() != TraceId::INVALID && it.trace_flags() & UNDECIDED != UNDECIDED;
    is_decided.then(|| it.is_sampled())
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags};

    use super::*;

    fn decide(percent: u8, trace: u128, flags: Option<TraceFlags>) -> SamplingDecision {
        decide_below(7, percent, trace, flags)
    }

    fn decide_below(span: u64, percent: u8, trace: u128, flags: Option<TraceFlags>) -> SamplingDecision {
        let parent = flags.map_or_else(Context::new, |flags| {
            Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from(trace),
                SpanId::from(span),
                flags,
                true,
                TraceState::default(),
            ))
        });
        let kind = SpanKind::Server;
        Ratio::percent(percent)
            .should_sample(Some(&parent), TraceId::from(trace), "", &kind, &[], &[])
            .decision
    }

    #[test]
    fn the_parents_word_counts() {
        assert_eq!(decide(0, 1, Some(TraceFlags::SAMPLED)), SamplingDecision::RecordAndSample);
        assert_eq!(decide(100, 1, Some(TraceFlags::default())), SamplingDecision::RecordOnly);
    }

    #[test]
    fn a_load_balancers_word_counts_though_it_is_no_parent() {
        let (yes, no) = (Some(TraceFlags::SAMPLED), Some(TraceFlags::default()));
        assert_eq!(decide_below(0, 0, 1, yes), SamplingDecision::RecordAndSample);
        assert_eq!(decide_below(0, 100, 1, no), SamplingDecision::RecordOnly);
        assert_eq!(decide_below(0, 100, 1, Some(UNDECIDED)), SamplingDecision::RecordAndSample);
    }

    #[test]
    fn a_parent_without_a_word_is_decided_as_a_root() {
        let last = u128::from(u32::MAX);
        for flags in [None, Some(UNDECIDED)] {
            assert_eq!(decide(100, last, flags), SamplingDecision::RecordAndSample);
            assert_eq!(decide(0, 0, flags), SamplingDecision::RecordOnly);
            assert_eq!(decide(50, u128::from(u32::MAX / 2), flags), SamplingDecision::RecordAndSample);
            assert_eq!(decide(50, last, flags), SamplingDecision::RecordOnly);
        }
    }

    #[test]
    fn a_share_of_many_is_what_was_asked_for() {
        let step = u128::from(u32::MAX / 10_000);
        let taken = (0..10_000).filter(|n| Ratio::percent(25).takes(TraceId::from(n * step))).count();
        assert!((2_490..=2_510).contains(&taken), "{taken}");
    }
}
