//! How often a caller was refused an administrative act lately.
//!
//! Every refused act is a row of the audit log, and rows take turns with every change on the platform: a caller who
//! does nothing but be refused must not fill the one and hold up the other. After so many in a minute, further ones
//! are told to the server's log alone. Reads and changes are counted apart: who was refused a change is told, however
//! much the same caller was refused to read. Nobody is refused for having been refused: what a caller may do it may do,
//! whatever else was asked for in its name.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_types::{KeyId, Principal, Subject};

/// Refused acts of one caller and one kind that are noted in one window, by one process.
const MOST: u32 = 120;

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(60);

/// Most callers counted at once, each once for every kind; those whose window is over are forgotten first, then all.
const MAX_CALLERS: usize = 10_000;

/// Each key of a person for itself: one that runs wild does not hide what is done with the others.
type Caller = (Subject, Option<KeyId>, Kind);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// To see something.
    Read,
    /// To change something.
    Change,
}

impl Kind {
    /// The kind of what is done with this method.
    pub(crate) fn of(method: &str) -> Self {
        if matches!(method, "GET" | "HEAD") { Self::Read } else { Self::Change }
    }
}

/// Where a refused act is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noting {
    /// In the audit log.
    Noted,
    /// In the audit log, as the last one of this caller and this kind in this minute.
    Last,
    /// In the server's log alone.
    LogOnly,
}

/// Refusals by caller and kind: when the window began, by the monotonic clock, and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Caller, (Duration, u32)>>);

impl Refusals {
    /// Counts one more; says where it is told.
    pub(crate) fn count(&self, principal: &Principal, kind: Kind, now: Duration) -> Noting {
        let caller = (principal.subject, principal.key.clone(), kind);
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
        match (*number).cmp(&MOST) {
            Ordering::Less => Noting::Noted,
            Ordering::Equal => Noting::Last,
            Ordering::Greater => Noting::LogOnly,
        }
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
    fn so_many_of_a_caller_are_noted_in_a_minute() {
        let refusals = Refusals::default();
        let began = Duration::from_secs(1_000);
        for number in 1..MOST {
            assert_eq!(refusals.count(&caller(1), Kind::Read, began), Noting::Noted, "{number}");
        }
        assert_eq!(refusals.count(&caller(1), Kind::Read, began + Duration::from_secs(20)), Noting::Last);
        assert_eq!(refusals.count(&caller(1), Kind::Read, began + Duration::from_secs(59)), Noting::LogOnly);
        assert_eq!(refusals.count(&caller(2), Kind::Read, began + Duration::from_secs(59)), Noting::Noted);
        let key = Principal { key: Some("aaaaaaaaaaaaaaaa".parse().unwrap()), ..caller(1) };
        assert_eq!(
            refusals.count(&key, Kind::Read, began + Duration::from_secs(59)),
            Noting::Noted,
            "each key for itself"
        );
        assert_eq!(refusals.count(&caller(1), Kind::Read, began + WINDOW), Noting::Noted, "it begins anew");
    }

    #[test]
    fn what_was_not_to_be_read_hides_no_change() {
        let refusals = Refusals::default();
        for _ in 0..=MOST {
            refusals.count(&caller(1), Kind::of("GET"), Duration::ZERO);
        }
        assert_eq!(refusals.count(&caller(1), Kind::of("HEAD"), Duration::ZERO), Noting::LogOnly);
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert_eq!(
                refusals.count(&caller(1), Kind::of(method), Duration::ZERO),
                Noting::Noted,
                "{method}"
            );
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let refusals = Refusals::default();
        for number in 0..25_000 {
            refusals.count(&caller(number), Kind::Read, Duration::ZERO);
        }
        assert!(refusals.counted().len() <= MAX_CALLERS);
    }
}
