//! The prompt cache of one region: which prefixes were seen before, and how long they are kept. Only hashes and lengths
//! are kept, and only so many.
//!
//! As Bedrock documents it (User Guide, Prompt caching): a prefix is found again when the same one is marked again; what
//! is found is kept for as long anew; one that is shorter than the model's minimum is not kept.

use crate::answer::Usage;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Prefixes remembered; the oldest is forgotten first.
const CAPACITY: usize = 4096;
const FIVE_MINUTES_MS: u64 = 5 * 60 * 1000;
const HOUR_MS: u64 = 60 * 60 * 1000;

/// The start of a prompt, up to a cache point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) hash: u64,
    /// Tokens up to its end.
    pub(crate) tokens: u64,
    /// Kept for an hour rather than five minutes.
    pub(crate) one_hour: bool,
}

/// A handle on the prompt cache of an emulator; all clones are one cache.
#[derive(Clone, Debug, Default)]
pub struct PromptCache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    /// By how much its clock is ahead, milliseconds.
    ahead_ms: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    kept: HashMap<u64, Kept>,
    order: VecDeque<u64>,
}

#[derive(Debug)]
struct Kept {
    until_ms: u64,
    ttl_ms: u64,
}

impl Default for Shared {
    fn default() -> Self {
        Self { started: Instant::now(), ahead_ms: AtomicU64::new(0), seen: Mutex::default() }
    }
}

impl PromptCache {
    /// Lets so much time pass for what is kept here, at once.
    pub fn pass(&self, time: Duration) {
        self.0.ahead_ms.fetch_add(millis(time), Ordering::Relaxed);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.seen() = Seen::default();
    }

    /// Splits the input tokens into read, written and plain, and remembers the prefixes.
    pub(crate) fn account(&self, tokens: u64, prefixes: &[Prefix], least: u64) -> Usage {
        let now = millis(self.0.started.elapsed()) + self.0.ahead_ms.load(Ordering::Relaxed);
        self.seen().account(now, tokens, prefixes, least)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn account(&mut self, now_ms: u64, tokens: u64, prefixes: &[Prefix], least: u64) -> Usage {
        let mut usage = Usage { input: tokens, ..Usage::default() };
        if least == 0 {
            return usage;
        }
        // The longest known prefix is read; what the later cache points add to it is written.
        let known = prefixes.iter().filter(|it| self.read(it.hash, now_ms)).map(|it| it.tokens);
        let mut covered = known.collect::<Vec<_>>().into_iter().max().unwrap_or(0);
        usage.cache_read = covered;
        for prefix in prefixes.iter().filter(|it| it.tokens >= least) {
            if prefix.tokens > covered {
                let added = prefix.tokens - covered;
                usage.cache_write += added;
                usage.cache_write_1h += if prefix.one_hour { added } else { 0 };
                covered = prefix.tokens;
            }
            self.write(prefix, now_ms);
        }
        usage.input = tokens - covered;
        usage
    }

    /// Whether a prefix is known; then it is kept for as long anew.
    fn read(&mut self, hash: u64, now_ms: u64) -> bool {
        let known = self.kept.get_mut(&hash).filter(|it| it.until_ms > now_ms);
        known.is_some_and(|it| {
            it.until_ms = now_ms + it.ttl_ms;
            true
        })
    }

    fn write(&mut self, prefix: &Prefix, now_ms: u64) {
        let ttl_ms = if prefix.one_hour { HOUR_MS } else { FIVE_MINUTES_MS };
        if self.read(prefix.hash, now_ms) {
            return;
        }
        if self.kept.insert(prefix.hash, Kept { until_ms: now_ms + ttl_ms, ttl_ms }).is_some() {
            return;
        }
        self.order.push_back(prefix.hash);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn prefix(hash: u64, tokens: u64) -> Prefix {
        Prefix { hash, tokens, one_hour: false }
    }

    fn hour(hash: u64, tokens: u64) -> Prefix {
        Prefix { hash, tokens, one_hour: true }
    }

    #[test]
    fn written_once_then_read() {
        let cache = PromptCache::default();
        let first = cache.account(2000, &[prefix(1, 1500)], 1024);
        assert_eq!((first.input, first.cache_write, first.cache_read), (500, 1500, 0));
        let again = cache.account(2600, &[prefix(1, 1500), prefix(2, 2500)], 1024);
        assert_eq!((again.input, again.cache_write, again.cache_read), (100, 1000, 1500));
    }

    #[test]
    fn short_prefixes_are_not_kept() {
        let cache = PromptCache::default();
        for _ in 0..2 {
            let usage = cache.account(900, &[prefix(1, 800)], 1024);
            assert_eq!((usage.input, usage.cache_write, usage.cache_read), (900, 0, 0));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let cache = PromptCache::default();
        for hash in 0..CAPACITY as u64 + 10 {
            cache.account(2000, &[prefix(hash, 2000)], 1024);
        }
        assert_eq!(cache.account(2000, &[prefix(0, 2000)], 1024).cache_read, 0, "the oldest is forgotten");
        assert_eq!(cache.account(2000, &[prefix(CAPACITY as u64, 2000)], 1024).cache_read, 2000);
    }

    #[test]
    fn what_is_read_is_kept_as_long_anew_and_what_is_not_expires() {
        let cache = PromptCache::default();
        let read = |prefix| cache.account(2000, &[prefix], 1024).cache_read;
        assert_eq!((read(prefix(1, 1500)), read(hour(2, 1500))), (0, 0));
        for _ in 0..3 {
            cache.pass(4 * MINUTE);
            assert_eq!(read(prefix(1, 1500)), 1500);
        }
        cache.pass(6 * MINUTE);
        assert_eq!(read(prefix(1, 1500)), 0, "five minutes are over");
        assert_eq!(read(prefix(1, 1500)), 1500, "and it was written anew");
        cache.pass(41 * MINUTE);
        assert_eq!(read(hour(2, 1500)), 1500, "an hour is not");
        cache.pass(61 * MINUTE);
        assert_eq!(read(hour(2, 1500)), 0);
    }

    #[test]
    fn what_each_point_adds_counts_for_its_own_time() {
        let cache = PromptCache::default();
        let usage = cache.account(4000, &[hour(1, 1500), prefix(2, 3500)], 1024);
        assert_eq!((usage.cache_write, usage.cache_write_1h, usage.input), (3500, 1500, 500));
        cache.clear();
        assert_eq!(cache.account(4000, &[hour(1, 1500)], 1024).cache_read, 0);
    }
}
