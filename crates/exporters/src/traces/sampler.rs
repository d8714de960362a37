//! Which traces are exported whatever happens in them. All are recorded: what fails is not known at the beginning.

use opentelemetry::trace::TraceId;

/// The parent's word where it has one; else so many of a hundred, chosen by the trace's id, so that all processes choose alike.
#[derive(Debug, Clone)]
pub(super) struct Ratio {
    percent: u64,
}

impl Ratio {
    pub(super) fn percent(percent: u8) -> Self {
        Self { percent: u64::from(percent.min(100)) }
    }

    /// Whether this trace is; `said` is what was decided further up, where anything was.
    pub(super) fn samples(&self, trace: TraceId, said: Option<bool>) -> bool {
        said.unwrap_or_else(|| self.takes(trace))
    }

    /// X-Ray's ids begin with the time and end with what is random.
    fn takes(&self, trace: TraceId) -> bool {
        let [.., a, b, c, d] = trace.to_bytes();
        let random = u64::from(u32::from_be_bytes([a, b, c, d]));
        random * 100 < self.percent << u32::BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(percent: u8, trace: u128, said: Option<bool>) -> bool {
        Ratio::percent(percent).samples(TraceId::from(trace), said)
    }

    #[test]
    fn what_was_decided_counts() {
        assert!(samples(0, 1, Some(true)));
        assert!(!samples(100, 1, Some(false)));
    }

    #[test]
    fn what_nobody_decided_is_decided_by_the_traces_id() {
        let last = u128::from(u32::MAX);
        assert!(samples(100, last, None) && !samples(0, 0, None));
        assert!(samples(50, last / 2, None) && !samples(50, last, None));
    }

    #[test]
    fn a_share_of_many_is_what_was_asked_for() {
        let step = u128::from(u32::MAX / 10_000);
        let taken = (0..10_000).filter(|n| Ratio::percent(25).takes(TraceId::from(n * step))).count();
        assert!((2_490..=2_510).contains(&taken), "{taken}");
    }
}
