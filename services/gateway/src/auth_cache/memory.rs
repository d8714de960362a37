//! A bounded map from digests, in shards so that workers seldom wait for each other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Digest;

const SHARDS: usize = 16;

/// How many entries are looked at to find one to give up.
const SAMPLE: usize = 8;

/// What says of two entries which is of less use.
pub(super) trait Ranked {
    /// The lower goes first.
    fn rank(&self) -> Duration;
}

pub(super) struct Memory<V> {
    shards: [Mutex<HashMap<Digest, V>>; SHARDS],
    capacity_per_shard: usize,
}

impl<V: Clone + Ranked> Memory<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            capacity_per_shard: capacity.div_ceil(SHARDS).max(1),
        }
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<V> {
        self.shard(digest).get(digest).cloned()
    }

    pub(super) fn remove(&self, digest: &Digest) {
        self.shard(digest).remove(digest);
    }

    /// Removes every entry of which this is true, a shard at a time.
    pub(super) fn remove_where(&self, matches: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, value| !matches(value));
        }
    }

    /// Changes an entry that is there, and gives it as it is then.
    pub(super) fn update(&self, digest: &Digest, change: impl FnOnce(&mut V)) -> Option<V> {
        self.shard(digest).get_mut(digest).map(|value| {
            change(value);
            value.clone()
        })
    }

    /// Adds or replaces an entry; where there is no room, one of the least useful goes.
    pub(super) fn insert(&self, digest: Digest, value: V) {
        let mut shard = self.shard(&digest);
        if shard.len() >= self.capacity_per_shard && !shard.contains_key(&digest) {
            let victim =
                shard.iter().take(SAMPLE).min_by_key(|(_, value)| value.rank()).map(|(digest, _)| *digest);
            if let Some(victim) = victim {
                shard.remove(&victim);
            }
        }
        shard.insert(digest, value);
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, HashMap<Digest, V>> {
        let shard = &self.shards[usize::from(digest[0]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}
