//! What changed lately, so that an answer that was on its way meanwhile can be told to be outdated.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use outcrop_types::Change;

/// Changes kept. An answer that took longer than so many is outdated, whatever they were.
const KEPT: usize = 256;

#[derive(Default)]
pub(super) struct Journal(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    /// How many changes there were; each makes a new generation.
    generation: u64,
    /// The latest of them, the newest last.
    latest: VecDeque<Change>,
}

impl Journal {
    /// The generation to which an answer belongs that is asked for now.
    pub(super) fn generation(&self) -> u64 {
        self.pages().generation
    }

    pub(super) fn add(&self, change: Change) {
        let mut pages = self.pages();
        if pages.latest.len() >= KEPT {
            pages.latest.pop_front();
        }
        pages.latest.push_back(change);
        pages.generation += 1;
    }

    /// Does this unless the answer, which was asked for in generation `asked`, is outdated by a change it depends
    /// on. While it does, no change is added: whoever removes what a change outdates, after adding it, finds it.
    pub(super) fn unless_outdated(
        &self,
        asked: u64,
        depends_on: impl Fn(&Change) -> bool,
        then: impl FnOnce(),
    ) -> bool {
        let pages = self.pages();
        let since = usize::try_from(pages.generation.saturating_sub(asked)).unwrap_or(usize::MAX);
        let fresh = since <= pages.latest.len() && !pages.latest.iter().rev().take(since).any(depends_on);
        if fresh {
            then();
        }
        fresh
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::TeamId;
    use uuid::Uuid;

    use super::*;

    fn team(number: u128) -> Change {
        Change::Team(TeamId::new(Uuid::from_u128(number)))
    }

    fn fresh(journal: &Journal, asked: u64, on: &Change) -> bool {
        let mut done = false;
        let fresh = journal.unless_outdated(asked, |change| change == on, || done = true);
        assert_eq!(fresh, done);
        fresh
    }

    #[test]
    fn only_what_came_after_outdates_an_answer() {
        let journal = Journal::default();
        assert!(fresh(&journal, journal.generation(), &team(1)));
        journal.add(team(1));
        let asked = journal.generation();
        assert!(fresh(&journal, asked, &team(1)), "it was asked for after the change");
        journal.add(team(2));
        assert!(fresh(&journal, asked, &team(1)), "another change");
        assert!(!fresh(&journal, asked, &team(2)));
        assert!(!fresh(&journal, asked - 1, &team(1)));
    }

    #[test]
    fn what_took_longer_than_is_kept_is_outdated() {
        let journal = Journal::default();
        for _ in 0..KEPT {
            journal.add(team(1));
        }
        assert!(fresh(&journal, 0, &team(2)));
        journal.add(team(1));
        assert!(!fresh(&journal, 0, &team(2)));
        assert!(fresh(&journal, 1, &team(2)));
    }
}
