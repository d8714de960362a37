//! Calls that have ended, by id.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

/// The last so many ids.
#[derive(Debug)]
pub(super) struct Ended {
    numbers: HashMap<Uuid, u64>,
    in_order: BTreeMap<u64, Uuid>,
    next: u64,
    most: usize,
}

impl Ended {
    /// At least one.
    pub(super) fn with_capacity(most: usize) -> Self {
        Self { numbers: HashMap::new(), in_order: BTreeMap::new(), next: 0, most: most.max(1) }
    }

    /// Whether it is new. The oldest one makes room for it.
    pub(super) fn insert(&mut self, id: Uuid) -> bool {
        if self.numbers.contains_key(&id) {
            return false;
        }
        if self.numbers.len() >= self.most
            && let Some((_, oldest)) = self.in_order.pop_first()
        {
            self.numbers.remove(&oldest);
        }
        self.numbers.insert(id, self.next);
        self.in_order.insert(self.next, id);
        self.next += 1;
        true
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: &Uuid) -> bool {
        let number = self.numbers.remove(id);
        number.and_then(|number| self.in_order.remove(&number)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_what_was_removed_takes_none() {
        let id = |number| Uuid::from_u128(number);
        let mut ended = Ended::with_capacity(2);
        for round in 0..100 {
            assert!(ended.insert(id(1)), "{round}");
            assert!(!ended.insert(id(1)));
            assert!(ended.remove(&id(1)));
            assert!(!ended.remove(&id(1)));
        }
        assert!(ended.insert(id(1)) && ended.insert(id(2)), "both fit, whatever was there before");
        assert!(!ended.insert(id(1)) && ended.insert(id(3)));
        assert!(!ended.remove(&id(1)), "it was the oldest");
        assert!(ended.remove(&id(2)) && ended.remove(&id(3)));
        assert_eq!((ended.numbers.len(), ended.in_order.len()), (0, 0));
    }
}
