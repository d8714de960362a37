//! Which token of a person is the newest: only that one says what the person is.
//!
//! An older token that is still good must not bring back what its owner no longer has, and two of the same second
//! must not take turns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use outcrop_types::UserId;

/// Most people of whom it is remembered; of others the audit log knows.
const MAX_REMEMBERED: usize = 10_000;

/// What stands for "none".
const NEVER: i64 = i64::MIN;

/// How a token stands to those that were followed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// None that was made later, or in the same second, was seen.
    Newer,
    /// One of the same second was seen; or nobody can tell, since the token does not say when it was made.
    Same,
    /// One that was made later was seen.
    Older,
}

/// When the newest token of each person was made, as far as this process saw them.
#[derive(Default)]
pub(super) struct NewestTokens(Mutex<HashMap<UserId, Arc<Newest>>>);

/// When the newest token of one person was made.
pub(super) struct Newest {
    /// Seconds since 1970.
    at: AtomicI64,
    /// Held while a newer token is followed, so that an older one cannot come in between.
    pub(super) following: tokio::sync::Mutex<()>,
}

impl NewestTokens {
    /// What is known of this person.
    pub(super) fn of(&self, user: UserId) -> Arc<Newest> {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= MAX_REMEMBERED && !people.contains_key(&user) {
            people.clear();
        }
        Arc::clone(people.entry(user).or_default())
    }
}

impl Newest {
    /// How a token of this time stands to those before.
    pub(super) fn age(&self, issued_at: Option<i64>) -> Age {
        let newest = self.at.load(Ordering::SeqCst);
        match issued_at {
            Some(at) if at > newest => Age::Newer,
            Some(at) if at < newest => Age::Older,
            _ => Age::Same,
        }
    }

    /// Remembers a token of this time; says whether it is newer than those before.
    pub(super) fn note(&self, issued_at: Option<i64>) -> bool {
        issued_at.is_some_and(|at| self.at.fetch_max(at, Ordering::SeqCst) < at)
    }
}

impl Default for Newest {
    fn default() -> Self {
        Self { at: AtomicI64::new(NEVER), following: tokio::sync::Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_later_is_newer() {
        let newest = Newest::default();
        assert_eq!((newest.age(Some(7)), newest.age(None)), (Age::Newer, Age::Same));
        assert!(newest.note(Some(7)) && !newest.note(Some(7)) && !newest.note(Some(6)) && !newest.note(None));
        let ages = [Some(8), Some(7), Some(6), None].map(|at| newest.age(at));
        assert_eq!(ages, [Age::Newer, Age::Same, Age::Older, Age::Same]);
    }
}
