//! Which traces are exported whatever happens in them. All are recorded: what fails is not known at the beginning.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId};
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
        let parent = parent.map(|context| context.span().span_context().clone()).filter(|it| it.is_valid());
        let decided = parent.as_ref().filter(|it| it.trace_flags() & UNDECIDED != UNDECIDED);
        let sampled = decided.map_or_else(|| self.takes(trace), |it| it.is_sampled());
        SamplingResult {
            decision: if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::RecordOnly },
            attributes: Vec::new(),
            trace_state: parent.map(|it| it.trace_state().clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;

    fn decide(percent: u8, trace: u128, flags: Option<TraceFlags>) -> SamplingDecision {
        let parent = flags.map_or_else(Context::new, |flags| {
            Context::new().with_remote_span_context(SpanContext::new(
                TraceId::from(trace),
                SpanId::from(7),
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
