//! The prompt cache: which prefixes were seen before. Only hashes and lengths are kept, and only so many.

use crate::answer::Usage;
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Prefixes remembered; the oldest is forgotten first.
const CAPACITY: usize = 4096;

/// The start of a prompt, up to a cache point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) hash: u64,
    /// Tokens up to its end.
    pub(crate) tokens: u64,
    /// Kept for an hour rather than five minutes.
    pub(crate) one_hour: bool,
}

/// Remembers prefixes. Entries do not age: a test that waits five minutes for one to expire is not wanted.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    hashes: HashSet<u64>,
    order: VecDeque<u64>,
}

impl PromptCache {
    /// Splits the input tokens into read, written and plain, and remembers the prefixes.
    pub(crate) fn account(&self, tokens: u64, prefixes: &[Prefix], least: u64) -> Usage {
        let mut usage = Usage { input: tokens, ..Usage::default() };
        if prefixes.is_empty() || least == 0 {
            return usage;
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The longest known prefix is read; what the later cache points add to it is written.
        let mut covered = prefixes
            .iter()
            .filter(|it| seen.hashes.contains(&it.hash))
            .map(|it| it.tokens)
            .max()
            .unwrap_or(0);
        usage.cache_read = covered;
        for prefix in prefixes.iter().filter(|it| it.tokens >= least) {
            if prefix.tokens > covered {
                let added = prefix.tokens - covered;
                usage.cache_write += added;
                usage.cache_write_1h += if prefix.one_hour { added } else { 0 };
                covered = prefix.tokens;
            }
            seen.remember(prefix.hash);
        }
        usage.input = tokens - covered;
        usage
    }
}

impl Seen {
    fn remember(&mut self, hash: u64) {
        if !self.hashes.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(hash: u64, tokens: u64) -> Prefix {
        Prefix { hash, tokens, one_hour: false }
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
}
