//! The checks under way: one for each credential, and not too many.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::Shared;
use tokio::sync::oneshot;

use super::{Digest, Landed};

/// Most checks under way at once of credentials that were good, and as many again of all others; a flood of
/// unknown keys must neither become a flood of calls nor keep known ones from being confirmed.
pub(super) const MAX_FLIGHTS: usize = 1024;

/// A check under way, awaited by all who need it.
pub(super) type Flight = Shared<oneshot::Receiver<Landed>>;

#[derive(Default)]
pub(super) struct Flights(Mutex<Board>);

#[derive(Default)]
struct Board {
    /// The latest check of each; an older one may still be under way.
    latest: HashMap<Digest, Latest>,
    known: usize,
    unknown: usize,
    begun: u64,
}

struct Latest {
    flight: Flight,
    start: Start,
    number: u64,
}

/// When a check began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// By the monotonic clock.
    pub(super) at: Duration,
    /// After how many changes.
    pub(super) generation: u64,
}

/// What whoever needs a check gets.
pub(super) enum Joined {
    /// The one under way.
    Other(Flight),
    /// A new one, to be flown by the caller, who ends it with [`Flights::land`].
    Own(Begun),
}

/// A check that has just begun.
pub(super) struct Begun {
    pub(super) tell: oneshot::Sender<Landed>,
    pub(super) flight: Flight,
    pub(super) number: u64,
}

impl Flights {
    /// Joins the check under way if it has as good as begun at `start`: less than `ttl` before, and nothing has
    /// changed since; else begins one. `None` if too many are under way.
    pub(super) fn join(&self, digest: Digest, known: bool, start: Start, ttl: Duration) -> Option<Joined> {
        let mut board = self.board();
        if let Some(latest) = board.latest.get(&digest) {
            let age = start.at.saturating_sub(latest.start.at);
            if latest.start.generation == start.generation && (age < ttl || age.is_zero()) {
                return Some(Joined::Other(latest.flight.clone()));
            }
        }
        let under_way = board.under_way(known);
        if *under_way >= MAX_FLIGHTS {
            return None;
        }
        *under_way += 1;
        board.begun += 1;
        let number = board.begun;
        let (tell, told) = oneshot::channel();
        let flight = told.shared();
        board.latest.insert(digest, Latest { flight: flight.clone(), start, number });
        Some(Joined::Own(Begun { tell, flight, number }))
    }

    /// Does this, unless a later check of the credential has begun, which knows better.
    pub(super) fn if_latest(&self, digest: &Digest, number: u64, then: impl FnOnce()) {
        let board = self.board();
        if board.latest.get(digest).is_some_and(|latest| latest.number == number) {
            then();
        }
    }

    /// Ends a check, which began as one of a `known` credential or not.
    pub(super) fn land(&self, digest: &Digest, number: u64, known: bool) {
        let mut board = self.board();
        *board.under_way(known) -= 1;
        if board.latest.get(digest).is_some_and(|latest| latest.number == number) {
            board.latest.remove(digest);
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let board = self.board();
        board.latest.is_empty() && board.known == 0 && board.unknown == 0
    }
}

impl Board {
    const fn under_way(&mut self, known: bool) -> &mut usize {
        if known { &mut self.known } else { &mut self.unknown }
    }
}
