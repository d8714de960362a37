//! The limiter of one process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::sliding::{self, Counts, Slide};
use outcrop_ports::{Admission, Limiter, PortError, Window};

/// Enough that threads seldom meet, few enough to lock several of them cheaply.
const SHARDS: usize = 16;
/// Most names remembered, if not told otherwise: some 20 MB.
const DEFAULT_NAMES: usize = 100_000;
/// How many names are looked at to find one to forget, once a shard is full of live ones.
const SAMPLE: usize = 16;

/// Counts in memory, for one process only: replicas each admit the whole limit.
///
/// Remembers a bounded number of names. Those whose windows have run out go first; if none has, one of the next
/// to run out is forgotten early, and its limit starts anew.
#[derive(Debug)]
pub struct MemoryLimiter {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    names_per_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    // Almost always one length per name, so a list is the fastest map.
    names: HashMap<Box<str>, Vec<Counter>>,
    swept_at: Duration,
}

/// The last three periods of one name and length: the third one serves callers whose clock is a little behind.
#[derive(Debug, Clone)]
struct Counter {
    length_ms: u64,
    period: u64,
    counts: [u32; 3],
}

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_NAMES)
    }
}

impl MemoryLimiter {
    /// Remembers at most about so many names, at least one in each part.
    #[must_use]
    pub fn with_capacity(names: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            names_per_shard: names.div_ceil(SHARDS).max(1),
        }
    }

    fn shard_of(&self, name: &str) -> usize {
        // Truncation is meant: any bits will do.
        self.hasher.hash_one(name) as usize % SHARDS
    }

    /// Locks the shards of all names, always in ascending order, so that no two callers wait for each other.
    fn lock(&self, windows: &[Window]) -> [Option<MutexGuard<'_, Shard>>; SHARDS] {
        let mut wanted = [false; SHARDS];
        for window in windows {
            wanted[self.shard_of(&window.name)] = true;
        }
        std::array::from_fn(|index| {
            // A panic between two counts leaves numbers, not a broken structure.
            wanted[index].then(|| self.shards[index].lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    fn admit_now(&self, windows: &[Window], count: u32, now: Duration) -> Admission {
        let mut shards = self.lock(windows);
        let admission = sliding::decide(windows, count, now, |index| {
            let window = &windows[index];
            shards[self.shard_of(&window.name)].as_deref().map_or_else(Counts::default, |shard| {
                shard.counts(&window.name, Slide::at(window.length, now))
            })
        });
        if matches!(admission, Admission::Admitted { .. }) {
            for window in windows {
                if let Some(shard) = shards[self.shard_of(&window.name)].as_deref_mut() {
                    let slide = Slide::at(window.length, now);
                    shard.count(&window.name, (slide, count), now, self.names_per_shard);
                }
            }
        }
        admission
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn admit_many(
        &self,
        windows: &[Window],
        count: u32,
        now: Duration,
    ) -> Result<Admission, PortError> {
        Ok(self.admit_now(windows, count, now))
    }
}

impl Shard {
    fn counts(&self, name: &str, slide: Slide) -> Counts {
        let counters = self.names.get(name).map_or(&[] as &[_], Vec::as_slice);
        counters
            .iter()
            .find(|counter| counter.length_ms == slide.length_ms)
            .map_or_else(Counts::default, |counter| counter.at(slide.period))
    }

    fn count(&mut self, name: &str, (slide, count): (Slide, u32), now: Duration, capacity: usize) {
        if let Some(counters) = self.names.get_mut(name) {
            match counters.iter_mut().find(|counter| counter.length_ms == slide.length_ms) {
                Some(counter) => counter.count(slide.period, count),
                None => counters.push(Counter::first(slide, count)),
            }
            return;
        }
        if self.names.len() >= capacity {
            self.make_room(now);
        }
        self.names.insert(name.into(), vec![Counter::first(slide, count)]);
    }

    /// Forgets every name that has run out; or, if that was done within the last second or finds none, one of
    /// the next to run out.
    fn make_room(&mut self, now: Duration) {
        if now.abs_diff(self.swept_at) >= Duration::from_secs(1) {
            self.swept_at = now;
            let before = self.names.len();
            self.names.retain(|_, counters| runs_out_at(counters) > now);
            if self.names.len() < before {
                return;
            }
        }
        let first = self.names.iter().take(SAMPLE).min_by_key(|(_, counters)| runs_out_at(counters));
        if let Some(name) = first.map(|(name, _)| name.clone()) {
            self.names.remove(&name);
        }
    }
}

/// When nothing of a name is in view any more.
fn runs_out_at(counters: &[Counter]) -> Duration {
    let last = counters.iter().map(|counter| (counter.period + 2) * counter.length_ms).max();
    Duration::from_millis(last.unwrap_or_default())
}

impl Counter {
    fn first(slide: Slide, count: u32) -> Self {
        Self { length_ms: slide.length_ms, period: slide.period, counts: [count, 0, 0] }
    }

    fn at(&self, period: u64) -> Counts {
        Counts {
            current: self.of(period),
            previous: period.checked_sub(1).map_or(0, |before| self.of(before)),
        }
    }

    /// What was counted in a period, as far as it is remembered.
    fn of(&self, period: u64) -> u32 {
        self.period
            .checked_sub(period)
            .and_then(|age| usize::try_from(age).ok())
            .and_then(|age| self.counts.get(age))
            .copied()
            .unwrap_or(0)
    }

    fn count(&mut self, period: u64, count: u32) {
        if period > self.period || self.period - period > 1 {
            // On to a later period; or far back, where the clock was set anew and only what is known of that
            // time still counts.
            self.counts =
                std::array::from_fn(|age| period.checked_sub(age as u64).map_or(0, |period| self.of(period)));
            self.period = period;
        }
        let age = usize::from(period < self.period);
        self.counts[age] = self.counts[age].saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_ports::contract;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn keeps_the_contract() {
        contract::limiter(|| async { Arc::new(MemoryLimiter::default()) as Arc<dyn Limiter> }).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn keeps_the_contract_together() {
        let shared = Arc::new(MemoryLimiter::default());
        contract::limiter(|| async { Arc::clone(&shared) as Arc<dyn Limiter> }).await;
    }

    fn window(name: usize, limit: u32) -> Window {
        Window { name: name.to_string(), limit, length: Duration::from_secs(60) }
    }

    fn remembered(limiter: &MemoryLimiter) -> usize {
        limiter.shards.iter().map(|shard| shard.lock().expect("not poisoned").names.len()).sum()
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let limiter = MemoryLimiter::with_capacity(160);
        for name in 0..5_000 {
            let admission = limiter.admit_now(&[window(name, 1)], 1, Duration::from_secs(600));
            assert!(matches!(admission, Admission::Admitted { .. }));
        }
        assert_eq!(remembered(&limiter), 160);
    }

    #[test]
    fn names_that_ran_out_go_first() {
        let limiter = MemoryLimiter::with_capacity(SHARDS * 50);
        for name in 0..300 {
            limiter.admit_now(&[window(name, 1)], 1, Duration::from_secs(60));
        }
        // Enough new names to fill every shard past its bound, if the old ones stayed.
        let later = Duration::from_secs(600);
        for name in 1_000..1_500 {
            limiter.admit_now(&[window(name, 1)], 1, later);
        }
        let kept = (1_000..1_500).filter(|name| {
            matches!(limiter.admit_now(&[window(*name, 1)], 1, later), Admission::Refused { .. })
        });
        assert_eq!(kept.count(), 500, "no live name was forgotten");
    }

    #[test]
    fn a_clock_set_far_back_starts_anew() {
        let limiter = MemoryLimiter::default();
        let windows = [window(1, 1)];
        assert!(matches!(
            limiter.admit_now(&windows, 1, Duration::from_secs(6_000)),
            Admission::Admitted { .. }
        ));
        assert!(matches!(
            limiter.admit_now(&windows, 1, Duration::from_secs(600)),
            Admission::Admitted { .. }
        ));
        assert!(matches!(
            limiter.admit_now(&windows, 1, Duration::from_secs(600)),
            Admission::Refused { .. }
        ));
    }
}
