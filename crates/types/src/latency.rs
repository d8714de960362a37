//! How long things took: counts by length, from which percentiles are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets in each doubling of the time: a percentile is at most 19 % above the truth, and never below it.
const PER_DOUBLING: u32 = 4;

/// How many took how long. Such counts can be added up, which percentiles cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies {
    /// By bucket.
    counts: BTreeMap<u16, u64>,
}

impl Latencies {
    /// The bucket of a time.
    #[must_use]
    pub fn bucket(ms: u64) -> u16 {
        if ms <= 1 {
            return 0;
        }
        // The largest power of two that is not above it, and in which of the four parts above that it lies.
        let power = ms.ilog2();
        let part = (u128::from(ms - (1 << power)) * u128::from(PER_DOUBLING)) >> power;
        u16::try_from(power * PER_DOUBLING).unwrap_or(u16::MAX) + u16::try_from(part).unwrap_or(0)
    }

    /// The longest time of a bucket, milliseconds.
    #[must_use]
    pub fn longest(bucket: u16) -> u64 {
        if bucket == 0 {
            return 1;
        }
        let (power, part) = (u32::from(bucket) / PER_DOUBLING, u128::from(u32::from(bucket) % PER_DOUBLING));
        let end = (1_u128 << power) + (((part + 1) << power).div_ceil(u128::from(PER_DOUBLING))) - 1;
        u64::try_from(end).unwrap_or(u64::MAX)
    }

    /// Counts so many in a bucket.
    pub fn add(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            *self.counts.entry(bucket).or_default() += count;
        }
    }

    /// Counts one time.
    pub fn note(&mut self, ms: u64) {
        self.add(Self::bucket(ms), 1);
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            self.add(*bucket, *count);
        }
    }

    /// Counts by bucket, shortest first.
    pub fn buckets(&self) -> impl Iterator<Item = (u16, u64)> {
        self.counts.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// The time that so many per cent were no longer than, milliseconds; `None` if nothing was counted.
    #[must_use]
    pub fn percentile_ms(&self, per_cent: u8) -> Option<u64> {
        let total: u64 = self.counts.values().sum();
        let rank = (total * u64::from(per_cent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Some(Self::longest(*bucket));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_times_and_little_more(ms in 2_u64..10_000_000_000) {
            let bucket = Latencies::bucket(ms);
            let longest = Latencies::longest(bucket);
            prop_assert!(ms <= longest && longest <= ms + ms / 4 + 1, "{ms} in {bucket} to {longest}");
            prop_assert_eq!(Latencies::bucket(longest), bucket);
            prop_assert!(Latencies::bucket(longest + 1) > bucket);
        }
    }

    #[test]
    fn percentiles_are_read_from_counts() {
        let mut all = Latencies::default();
        assert_eq!(all.percentile_ms(50), None);
        for ms in 1..=100 {
            all.note(ms);
        }
        assert_eq!(all.percentile_ms(100), Some(111));
        let median = all.percentile_ms(50).unwrap();
        assert!((50..=60).contains(&median), "{median}");
    }
}
