//! Which traces are exported whatever happens in them. All are recorded: what fails is not known at the beginning.

use std::fmt;
use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};

use opentelemetry::trace::TraceId;

/// The parent's word where it has one; else so many of a hundred, chosen by the trace's id and something that nobody outside
/// knows: a client that names its trace cannot choose. Whoever comes next is told, so that this is decided once.
#[derive(Clone)]
pub(super) struct Ratio {
    percent: u64,
    key: u64,
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ratio").field("percent", &self.percent).finish_non_exhaustive()
    }
}

impl Ratio {
    pub(super) fn percent(percent: u8) -> Self {
        // The standard library's are keyed at random.
        Self::keyed(percent, RandomState::new().hash_one(percent))
    }

    fn keyed(percent: u8, key: u64) -> Self {
        Self { percent: u64::from(percent.min(100)), key }
    }

    /// Whether this trace is; `said` is what was decided further up, where anything was.
    pub(super) fn samples(&self, trace: TraceId, said: Option<bool>) -> bool {
        said.unwrap_or_else(|| self.takes(trace))
    }

    fn takes(&self, trace: TraceId) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.key);
        hasher.write(&trace.to_bytes());
        let drawn = hasher.finish() >> u32::BITS;
        drawn * 100 < self.percent << u32::BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(percent: u8, trace: u128, said: Option<bool>) -> bool {
        Ratio::keyed(percent, 7).samples(TraceId::from(trace), said)
    }

    #[test]
    fn what_was_decided_counts() {
        assert!(samples(0, 1, Some(true)));
        assert!(!samples(100, 1, Some(false)));
    }

    #[test]
    fn of_a_hundred_percent_each_is_taken_and_of_none_no_one() {
        for trace in [0, 1, 7 << 64, u128::MAX] {
            assert!(samples(100, trace, None) && !samples(0, trace, None));
        }
    }

    #[test]
    fn a_share_of_many_is_what_was_asked_for() {
        let ratio = Ratio::keyed(25, 7);
        let taken = (0..10_000_u128).filter(|n| ratio.takes(TraceId::from(*n))).count();
        assert!((2_350..=2_650).contains(&taken), "{taken}");
    }

    #[test]
    fn nobody_outside_knows_which_traces_they_are() {
        // One id that is always taken would be enough for a client that wants all of its own seen.
        for trace in [0_u128, 1, 1 << 32, 1 << 96, u128::MAX] {
            let takes = |key: &u64| Ratio::keyed(50, *key).takes(TraceId::from(trace));
            let taken = (0..1_000).filter(takes).count();
            assert!((400..=600).contains(&taken), "{trace:x} is taken by {taken} of 1,000 processes");
        }
    }
}
