//! The [`Cache`] port in the memory of one process.

mod shard;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use outcrop_ports::{Cache, CacheKey, PortError};
use tokio::time::Instant;

use shard::Shard;

/// Most parts with a lock of their own.
const SHARDS: usize = 16;

/// A part has room for at least so many values of the largest size, if there is room for so many at all.
const LARGEST_IN_A_SHARD: usize = 8;

/// Values in memory, of so many bytes at most: what was least lately asked for gives way. Each part of it bounds itself,
/// so that a little less than all may be kept.
#[derive(Debug)]
pub struct MemoryCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    max_value_bytes: usize,
}

impl MemoryCache {
    /// Keeps at most `max_bytes`, names and upkeep included, and no value larger than `max_value_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize, max_value_bytes: usize) -> Self {
        let largest = shard::weight("", max_value_bytes).saturating_mul(LARGEST_IN_A_SHARD);
        let count = (max_bytes / largest.max(1)).clamp(1, SHARDS);
        let shards = (0..count).map(|_| Mutex::new(Shard::new(max_bytes / count))).collect();
        Self { shards, hasher: RandomState::new(), max_value_bytes }
    }

    fn shard(&self, space: &str, key: &CacheKey) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one((space, key));
        let count = self.shards.len() as u64;
        // There are few: the remainder is one of them.
        lock(&self.shards[usize::try_from(hash % count).unwrap_or_default()])
    }
}

/// Room for some thousand answers.
impl Default for MemoryCache {
    fn default() -> Self {
        Self::new(64 << 20, 1 << 20)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, space: &str, key: &CacheKey) -> Result<Option<Bytes>, PortError> {
        Ok(self.shard(space, key).get(space, key, Instant::now()))
    }

    async fn put(&self, space: &str, key: &CacheKey, value: Bytes, ttl: Duration) -> Result<(), PortError> {
        let now = Instant::now();
        let mut shard = self.shard(space, key);
        match now.checked_add(ttl) {
            Some(until) if !ttl.is_zero() && value.len() <= self.max_value_bytes => {
                // A piece of a larger buffer would keep all of that in memory.
                shard.put(space, *key, Bytes::copy_from_slice(&value), (now, until));
            }
            _ => shard.remove(space, key),
        }
        Ok(())
    }

    /// Holds all parts at once for as long as it takes to let go of the space.
    async fn clear(&self, space: &str) -> Result<(), PortError> {
        // Always in the same order, so that two do not wait for each other.
        let mut all: Vec<_> = self.shards.iter().map(lock).collect();
        all.iter_mut().for_each(|shard| shard.clear(space));
        Ok(())
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
