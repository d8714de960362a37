//! What waits for the collector: spans as they are written, in batches of one request each.
//!
//! Behind one lock, which is held for a copy of mostly some hundred bytes, or to take a batch away. How much may wait is
//! [`Gate`](super::gate::Gate)'s affair.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A batch with so many bytes is not made any larger: collectors refuse requests of some megabytes.
const FULL_BYTES: usize = 256 * 1024;

/// Spans of one request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) spans: usize,
    pub(super) bytes: Vec<u8>,
}

/// Batches, the oldest first. Threads put spans in, and one takes batches out.
#[derive(Debug)]
pub(super) struct Waiting {
    full_spans: usize,
    delay: Duration,
    state: Mutex<State>,
    /// For the one that takes: a batch is full, or it is the end.
    wake: Condvar,
    /// For those who wait for the end.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    full: VecDeque<Batch>,
    open: Batch,
    /// The end: what waits goes at once, until then.
    stop: Option<Instant>,
    ended: bool,
}

impl Waiting {
    /// Batches of so many spans; one that is not full goes after `delay`.
    pub(super) fn new(full_spans: usize, delay: Duration) -> Self {
        let (state, wake, done) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { full_spans, delay, state, wake, done }
    }

    /// One more, which is written by this.
    pub(super) fn push(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        state.open.spans += 1;
        write(&mut state.open.bytes);
        if state.open.spans < self.full_spans && state.open.bytes.len() < FULL_BYTES {
            return;
        }
        // The next one will be about as long.
        let next = Batch { spans: 0, bytes: Vec::with_capacity(state.open.bytes.len().min(FULL_BYTES)) };
        let full = std::mem::replace(&mut state.open, next);
        state.full.push_back(full);
        drop(state);
        self.wake.notify_one();
    }

    /// Waits for a batch that is to go, not before `pause` is over unless it is the end; `None` behind that.
    pub(super) fn take(&self, pause: Option<Instant>) -> Option<Batch> {
        let mut due = Instant::now() + self.delay;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if let Some(until) = state.stop {
                return if now < until { state.pop() } else { None };
            }
            let until = match pause.filter(|pause| now < *pause) {
                Some(pause) => pause,
                None if !state.full.is_empty() || now >= due => match state.pop() {
                    Some(batch) => return Some(batch),
                    // Nothing was there all the time.
                    None => {
                        due = now + self.delay;
                        due
                    }
                },
                None => due,
            };
            let woken = self.wake.wait_timeout(state, until.saturating_duration_since(now));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Has all that waits handed over, and waits for it; nothing is taken any more then. Whether it was within the time.
    pub(super) fn stop(&self, within: Duration) -> bool {
        let mut state = self.lock();
        state.stop.get_or_insert(Instant::now() + within);
        self.wake.notify_one();
        let waited = self.done.wait_timeout_while(state, within, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Whoever took batches takes no more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.done.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it was out of memory; what it holds is whole spans at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The oldest, whether it is full or not.
    fn pop(&mut self) -> Option<Batch> {
        let open = || (self.open.spans > 0).then(|| std::mem::take(&mut self.open));
        self.full.pop_front().or_else(open)
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
