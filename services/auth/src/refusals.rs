//! How often a caller was refused an administrative act lately.
//!
//! Every refused act is a row of the audit log, and rows take turns with every change on the platform: a caller who
//! does nothing but be refused must not fill the one and hold up the other. After so many in a minute, it is told to
//! come back later, before anything is looked at.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_types::{KeyId, Principal, Subject};

/// Refused acts of one caller that are noted in one window, by one process.
const MOST: u32 = 120;

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(60);

/// Most callers counted at once; those whose window is over are forgotten first, then all.
const MAX_CALLERS: usize = 10_000;

/// Each key of a person for itself: one that runs wild does not shut out the others.
type Caller = (Subject, Option<KeyId>);

/// Refusals by caller: when the window began, by the monotonic clock, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Caller, (Duration, u32)>>);

impl Refusals {
    /// Counts one more; says whether it was the last one that is noted.
    pub(crate) fn count(&self, principal: &Principal, now: Duration) -> bool {
        let caller = (principal.subject, principal.key.clone());
        let mut counted = self.counted();
        if counted.len() >= MAX_CALLERS && !counted.contains_key(&caller) {
            counted.retain(|_, (began, _)| now.saturating_sub(*began) < WINDOW);
            if counted.len() >= MAX_CALLERS {
                counted.clear();
            }
        }
        let (began, number) = counted.entry(caller).or_insert((now, 0));
        if now.saturating_sub(*began) >= WINDOW {
            (*began, *number) = (now, 0);
        }
        *number = number.saturating_add(1);
        *number == MOST
    }

    /// How long a caller has to wait that was refused too often; `None` if it was not.
    pub(crate) fn wait(&self, principal: &Principal, now: Duration) -> Option<Duration> {
        let (began, number) = *self.counted().get(&(principal.subject, principal.key.clone()))?;
        let left = WINDOW.checked_sub(now.saturating_sub(began))?;
        (number >= MOST && !left.is_zero()).then_some(left)
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<Caller, (Duration, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use outcrop_types::{Limits, Role, TeamId, UserId};
    use uuid::Uuid;

    use super::*;

    fn caller(number: u128) -> Principal {
        Principal {
            subject: Subject::User(UserId::new(Uuid::from_u128(number))),
            team: TeamId::new(Uuid::nil()),
            role: Role::Viewer,
            key: None,
            limits: Limits::default(),
            scope: None,
        }
    }

    #[test]
    fn whoever_is_refused_too_often_waits_for_the_rest_of_the_minute() {
        let refusals = Refusals::default();
        let began = Duration::from_secs(1_000);
        for number in 1..MOST {
            assert!(!refusals.count(&caller(1), began), "{number}");
            assert_eq!(refusals.wait(&caller(1), began), None);
        }
        assert!(refusals.count(&caller(1), began + Duration::from_secs(20)));
        assert_eq!(refusals.wait(&caller(1), began + Duration::from_secs(20)), Some(Duration::from_secs(40)));
        assert_eq!(refusals.wait(&caller(2), began), None);
        assert_eq!(refusals.wait(&caller(1), began + WINDOW), None);
        assert!(!refusals.count(&caller(1), began + WINDOW), "it begins anew");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let refusals = Refusals::default();
        for number in 0..25_000 {
            refusals.count(&caller(number), Duration::ZERO);
        }
        assert!(refusals.counted().len() <= MAX_CALLERS);
    }
}
