//! A part of the values, behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use outcrop_ports::CacheKey;
use tokio::time::Instant;

/// About what the upkeep of a value takes: its name and its place, in two tables.
const UPKEEP_BYTES: usize = 192;

/// How many values that are over are looked for at each put, among those least lately asked for.
const SWEPT: usize = 2;

/// What a value counts.
pub(super) const fn weight(space: &str, value_bytes: usize) -> usize {
    value_bytes.saturating_add(space.len()).saturating_add(UPKEEP_BYTES)
}

/// Values by space and name, and the order in which they were asked for.
#[derive(Debug)]
pub(super) struct Shard {
    spaces: HashMap<Arc<str>, HashMap<CacheKey, Slot>>,
    /// By the turn at which each was last asked for, the least lately first.
    order: BTreeMap<u64, (Arc<str>, CacheKey)>,
    turn: u64,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Slot {
    value: Bytes,
    until: Instant,
    turn: u64,
}

impl Shard {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { spaces: HashMap::new(), order: BTreeMap::new(), turn: 0, bytes: 0, max_bytes }
    }

    pub(super) fn get(&mut self, space: &str, key: &CacheKey, now: Instant) -> Option<Bytes> {
        let slot = self.spaces.get_mut(space)?.get_mut(key)?;
        if slot.until <= now {
            self.remove(space, key);
            return None;
        }
        self.turn += 1;
        if let Some(name) = self.order.remove(&slot.turn) {
            self.order.insert(self.turn, name);
        }
        slot.turn = self.turn;
        Some(slot.value.clone())
    }

    pub(super) fn put(&mut self, space: &str, key: CacheKey, value: Bytes, (now, until): (Instant, Instant)) {
        self.remove(space, &key);
        let weight = weight(space, value.len());
        if weight > self.max_bytes {
            return;
        }
        self.sweep(now);
        while self.bytes + weight > self.max_bytes {
            let Some((_, (space, key))) = self.order.first_key_value() else { break };
            let (space, key) = (Arc::clone(space), *key);
            self.remove(&space, &key);
        }
        let space = match self.spaces.get_key_value(space) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(space),
        };
        self.turn += 1;
        self.bytes += weight;
        self.order.insert(self.turn, (Arc::clone(&space), key));
        self.spaces.entry(space).or_default().insert(key, Slot { value, until, turn: self.turn });
    }

    pub(super) fn remove(&mut self, space: &str, key: &CacheKey) {
        let Some(values) = self.spaces.get_mut(space) else { return };
        let Some(slot) = values.remove(key) else { return };
        if values.is_empty() {
            self.spaces.remove(space);
        }
        self.order.remove(&slot.turn);
        self.bytes -= weight(space, slot.value.len());
    }

    /// Forgets a space and what lies in it.
    pub(super) fn clear(&mut self, space: &str) {
        let lies_in = |name: &str| name.strip_prefix(space).is_some_and(|rest| rest.starts_with('/'));
        let (order, bytes) = (&mut self.order, &mut self.bytes);
        self.spaces.retain(|name, values| {
            let gone = &**name == space || lies_in(name);
            if gone {
                for slot in values.values() {
                    order.remove(&slot.turn);
                    *bytes -= weight(name, slot.value.len());
                }
            }
            !gone
        });
    }

    /// Lets go of some that are over, which nobody asks for any more.
    fn sweep(&mut self, now: Instant) {
        let is_over = |(space, key): &&(Arc<str>, CacheKey)| {
            let slot = self.spaces.get(space).and_then(|values| values.get(key));
            slot.is_none_or(|slot| slot.until <= now)
        };
        let over: Vec<_> = self.order.values().take(SWEPT).filter(is_over).cloned().collect();
        for (space, key) in over {
            self.remove(&space, &key);
        }
    }

    #[cfg(test)]
    pub(super) fn stands(&self) -> (usize, usize) {
        let counted: usize = self
            .spaces
            .iter()
            .flat_map(|(space, values)| values.values().map(|slot| weight(space, slot.value.len())))
            .sum();
        assert_eq!(counted, self.bytes);
        assert_eq!(self.order.len(), self.spaces.values().map(HashMap::len).sum::<usize>());
        (self.order.len(), self.bytes)
    }
}
