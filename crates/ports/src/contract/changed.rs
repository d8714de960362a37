//! Saying what became of changes, in few words.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use crate::{Changed, PortError};

/// It was made.
#[track_caller]
pub(super) fn done(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Done);
}

/// It met something else than it was made from.
#[track_caller]
pub(super) fn stale(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Stale);
}

/// Something else is it already.
#[track_caller]
pub(super) fn taken(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::Taken);
}

/// Nobody would be left to run the platform.
#[track_caller]
pub(super) fn last_admin(changed: Result<Changed, PortError>) {
    assert_eq!(changed.unwrap(), Changed::LastAdmin);
}

/// Of many at once, one was made and all others ended like this.
#[track_caller]
pub(super) fn one_done(changed: Vec<Result<Changed, PortError>>, others: Changed) {
    let changed: Vec<_> = changed.into_iter().map(Result::unwrap).collect();
    let count = |wanted| changed.iter().filter(|it| **it == wanted).count();
    let counts = (count(Changed::Done), count(others));
    assert_eq!(counts, (1, changed.len() - 1), "one is done, and the others {others:?}: {changed:?}");
}
