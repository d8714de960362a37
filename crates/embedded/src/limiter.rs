//! The limiter of one process.

mod book;
mod books;
mod ended;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::window::{self, View};
use outcrop_ports::{Admission, Ask, Limiter, Meter, MeterState, PortError, Seed, Settlement};
use uuid::Uuid;

use books::{Books, Part};
use ended::Ended;

/// Most names remembered, if not told otherwise: some 40 MB.
const DEFAULT_NAMES: usize = 100_000;
/// Most calls under way that hold something: more than one process can make.
const MOST_CALLS: usize = 100_000;
/// Most ids remembered of calls that were given back, and of those that perhaps were not reserved.
const MOST_ENDED: usize = 100_000;

/// Counts in memory, for one process only: replicas each admit the whole limit.
///
/// Remembers a bounded number of names. Those whose windows have run out go first; if none has, one of the next
/// to run out is forgotten early, and its limit starts anew (that of money by asking the ledger, which is why its names
/// are forgotten once they were not used for ten minutes). A name in which a call under way holds something stays. Calls
/// under way are bounded too: above that none is let in.
#[derive(Debug)]
pub struct MemoryLimiter {
    // Held for some microseconds, never over an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    books: Books,
    /// Calls under way, by id.
    leases: HashMap<Uuid, Lease>,
    /// The same by the time at which they are given back.
    by_end: BTreeSet<(Duration, Uuid)>,
    most_calls: usize,
    /// Calls that were given back and not heard of since.
    given_back: Ended,
    /// Calls that perhaps were not reserved, and are counted.
    counted: Ended,
}

#[derive(Debug)]
struct Lease {
    end: Duration,
    parts: Vec<Part>,
}

/// More calls are under way than are kept.
#[derive(Debug, thiserror::Error)]
#[error("more calls are under way than this process keeps count of")]
struct TooManyCalls;

impl Default for MemoryLimiter {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_NAMES)
    }
}

impl MemoryLimiter {
    /// Remembers at most so many names, at least one.
    #[must_use]
    pub fn with_capacity(names: usize) -> Self {
        Self::bounded(names, MOST_CALLS, MOST_ENDED)
    }

    fn bounded(names: usize, most_calls: usize, most_ended: usize) -> Self {
        let state = State {
            books: Books::with_capacity(names),
            leases: HashMap::new(),
            by_end: BTreeSet::new(),
            most_calls,
            given_back: Ended::with_capacity(most_ended),
            counted: Ended::with_capacity(most_ended),
        };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic between two counts leaves numbers, not a broken structure.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Limiter for MemoryLimiter {
    async fn reserve(&self, ask: &Ask<'_>) -> Result<Admission, PortError> {
        self.lock().reserve(ask).map_err(|error| PortError::unavailable("let a call in", error))
    }

    async fn settle(&self, settlements: &[Settlement], now: Duration) -> Result<(), PortError> {
        let mut state = self.lock();
        for settlement in settlements {
            state.settle(settlement, now);
        }
        Ok(())
    }

    async fn seed(&self, meter: &Meter, seed: &Seed, now: Duration) -> Result<bool, PortError> {
        let mut state = self.lock();
        state.give_back(now);
        Ok(state.books.seed(meter, seed, now))
    }

    async fn read(&self, meters: &[Meter], now: Duration) -> Result<Vec<MeterState>, PortError> {
        let mut state = self.lock();
        state.give_back(now);
        Ok(meters.iter().map(|meter| state.books.state(meter, now)).collect())
    }

    async fn count(&self, meters: &[Meter], now: Duration) -> Result<Admission, PortError> {
        Ok(self.lock().count(meters, now))
    }
}

impl State {
    fn reserve(&mut self, ask: &Ask<'_>) -> Result<Admission, TooManyCalls> {
        self.give_back(ask.now);
        let admission = window::decide(ask, &self.views(ask.meters, ask.now));
        // Of a call without meters nothing is held.
        if !matches!(admission, Admission::Admitted { .. }) || ask.meters.is_empty() {
            return Ok(admission);
        }
        if self.leases.len().saturating_add(ask.calls.len()) > self.most_calls {
            return Err(TooManyCalls);
        }
        let end = ask.now.saturating_add(ask.longest);
        for call in ask.calls {
            // Ids are not used twice; should one be, it is the last call that holds.
            self.release(call);
            self.given_back.remove(call);
            let parts = self.books.hold(ask.meters, ask.now);
            self.leases.insert(*call, Lease { end, parts });
            self.by_end.insert((end, *call));
        }
        Ok(admission)
    }

    fn count(&mut self, meters: &[Meter], now: Duration) -> Admission {
        self.give_back(now);
        // Any id will do: nothing is kept under it.
        let call = Uuid::nil();
        let ask = Ask { calls: &[call], meters, now, longest: Duration::ZERO };
        let admission = window::decide(&ask, &self.views(meters, now));
        if matches!(admission, Admission::Admitted { .. }) {
            for (part, meter) in self.books.hold(meters, now).iter().zip(meters) {
                self.books.settle(call, part, meter.amount);
            }
        }
        admission
    }

    fn views(&self, meters: &[Meter], now: Duration) -> Vec<View> {
        meters.iter().map(|meter| self.books.view(meter, now)).collect()
    }

    fn settle(&mut self, settlement: &Settlement, now: Duration) {
        let Settlement { hold, used, unreserved } = settlement;
        let call = hold.call;
        // What perhaps was not reserved is counted at the first word of it, whatever became known since.
        let first = !*unreserved || self.counted.insert(call);
        let used = used.iter().copied().chain(std::iter::repeat(0));
        if let Some(lease) = self.leases.remove(&call) {
            self.by_end.remove(&(lease.end, call));
            for (part, used) in lease.parts.iter().zip(used) {
                self.books.settle(call, part, if first { used } else { 0 });
            }
        } else if (self.given_back.remove(&call) || *unreserved) && first {
            let at = Duration::from_millis(hold.at_ms);
            for (meter, used) in hold.meters.iter().zip(used) {
                self.books.add(call, meter, (at, now), used);
            }
        }
    }

    /// Gives back what calls hold that are over their time.
    fn give_back(&mut self, now: Duration) {
        while let Some((_, call)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) {
            if self.release(&call) {
                self.given_back.insert(call);
            }
        }
    }

    /// Gives back what a call holds; whether it held anything.
    fn release(&mut self, call: &Uuid) -> bool {
        let Some(lease) = self.leases.remove(call) else { return false };
        self.by_end.remove(&(lease.end, *call));
        for part in &lease.parts {
            self.books.release(part);
        }
        true
    }
}
