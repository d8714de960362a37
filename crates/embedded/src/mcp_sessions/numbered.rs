//! Things in order, each with its number, of which the oldest give way.

use std::collections::VecDeque;

use bytes::Bytes;

/// What the allocator and [`Bytes`] keep about each of them.
const UPKEEP_BYTES: usize = 64;

/// Numbers begin at 1 and never come again, whatever gives way.
#[derive(Default)]
pub(super) struct Numbered {
    items: VecDeque<Bytes>,
    /// The number of the newest.
    last: u64,
    bytes: usize,
}

impl Numbered {
    /// Adds one; its number. The oldest give way until at most `most` are left, and of those but the newest at most
    /// `most_bytes`.
    pub(super) fn push(&mut self, item: Bytes, most: usize, most_bytes: usize) -> u64 {
        let newest_bytes = item.len();
        self.bytes += newest_bytes;
        self.last += 1;
        self.items.push_back(item);
        while self.items.len() > most.max(1) || self.bytes - newest_bytes > most_bytes {
            let Some(oldest) = self.items.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        self.last
    }

    /// What came after a number, so many at most.
    pub(super) fn after(&self, number: u64, limit: usize) -> Vec<(u64, Bytes)> {
        let before_all = self.last - self.items.len() as u64;
        let skipped = usize::try_from(number.saturating_sub(before_all)).unwrap_or(usize::MAX);
        (before_all + 1..).zip(&self.items).skip(skipped).take(limit).map(|(n, it)| (n, it.clone())).collect()
    }

    /// The number of the newest, 0 before there is one.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// What they take in memory.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.items.len() * UPKEEP_BYTES + self.items.capacity() * size_of::<Bytes>()
    }
}
