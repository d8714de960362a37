//! Who is used most of any number, counted in little room.

use std::collections::HashMap;
use std::hash::Hash;

/// Counts of at most so many keys. A further one takes the place of the least and goes on with its count ("space saving",
/// Metwally and others, 2005): whoever is used more often than all uses divided by the room is always among them.
#[derive(Debug)]
pub(super) struct Rivals<K> {
    room: usize,
    counts: HashMap<K, Count>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    uses: u64,
    /// How many of them may have been another's.
    inherited: u64,
}

impl<K: Hash + Eq + Clone> Rivals<K> {
    pub(super) fn new(room: usize) -> Self {
        Self { room, counts: HashMap::new() }
    }

    /// One more use of a key.
    pub(super) fn count(&mut self, key: &K) {
        if let Some(count) = self.counts.get_mut(key) {
            count.uses += 1;
            return;
        }
        let mut count = Count { uses: 1, inherited: 0 };
        if self.counts.len() >= self.room {
            let least = self.counts.iter().min_by_key(|(_, count)| count.uses);
            let Some((least, inherited)) = least.map(|(key, count)| (key.clone(), count.uses)) else {
                return;
            };
            self.counts.remove(&least);
            count = Count { uses: inherited + 1, inherited };
        }
        self.counts.insert(key.clone(), count);
    }

    /// All of them, the most used first, with the uses that were surely their own; counting begins anew.
    pub(super) fn take(&mut self) -> Vec<(K, u64)> {
        let mut all: Vec<_> =
            self.counts.drain().map(|(key, count)| (key, count.uses - count.inherited)).collect();
        all.sort_by_key(|(_, uses)| std::cmp::Reverse(*uses));
        all
    }
}
