//! Failing fast while the other side is away.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Opens after some failures in a row. While it is open nobody waits for the other side, except for one trial
/// in the background per `cool_down`.
#[derive(Debug)]
pub(crate) struct Breaker {
    threshold: u32,
    cool_down: Duration,
    failures: AtomicU32,
    /// When the next trial is due, by the caller's monotonic clock.
    trial_at: Mutex<Duration>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Call.
    Go,
    /// Fail at once.
    FailFast,
    /// Fail at once, and start the trial. Nobody else is told so until `cool_down` is over.
    FailFastAndTry,
}

impl Breaker {
    /// Opens after `threshold` failures in a row, at least one.
    pub(crate) fn new(threshold: u32, cool_down: Duration) -> Self {
        let threshold = threshold.max(1);
        Self { threshold, cool_down, failures: AtomicU32::new(0), trial_at: Mutex::new(Duration::ZERO) }
    }

    /// Asks before a call.
    pub(crate) fn ask(&self, now: Duration) -> Permit {
        if self.failures.load(Ordering::Acquire) < self.threshold {
            return Permit::Go;
        }
        let mut trial_at = self.trial_at.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *trial_at {
            return Permit::FailFast;
        }
        *trial_at = now + self.cool_down;
        Permit::FailFastAndTry
    }

    /// Notes that the other side answered; true if that closes the breaker.
    pub(crate) fn succeeded(&self) -> bool {
        // The common case writes nothing that other threads read.
        self.failures.load(Ordering::Acquire) != 0
            && self.failures.swap(0, Ordering::AcqRel) >= self.threshold
    }

    /// Notes a failure; true if that opens the breaker.
    pub(crate) fn failed(&self, now: Duration) -> bool {
        let mut trial_at = self.trial_at.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.load(Ordering::Acquire).saturating_add(1);
        self.failures.store(failures, Ordering::Release);
        if failures >= self.threshold {
            *trial_at = now + self.cool_down;
        }
        failures == self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(2, SECOND);
        for _ in 0..5 {
            assert!(!breaker.failed(SECOND));
            assert!(!breaker.succeeded());
        }
        assert_eq!(breaker.ask(SECOND), Permit::Go);
        assert!(!breaker.failed(SECOND));
        assert!(breaker.failed(SECOND));
        assert!(!breaker.failed(SECOND), "it is open already");
        assert_eq!(breaker.ask(SECOND), Permit::FailFast);
    }

    #[test]
    fn one_trial_per_cool_down() {
        let breaker = Breaker::new(1, SECOND);
        assert!(breaker.failed(SECOND));
        assert_eq!(breaker.ask(SECOND * 2), Permit::FailFastAndTry);
        assert_eq!(breaker.ask(SECOND * 2), Permit::FailFast);
        // The trial fails late: the next one waits from then on.
        assert!(!breaker.failed(SECOND * 3));
        assert_eq!(breaker.ask(SECOND * 3), Permit::FailFast);
        // And a trial that never ends does not keep the breaker open for ever.
        assert_eq!(breaker.ask(SECOND * 4), Permit::FailFastAndTry);
        assert_eq!(breaker.ask(SECOND * 5), Permit::FailFastAndTry);
    }

    #[test]
    fn a_success_closes_it() {
        let breaker = Breaker::new(1, SECOND);
        breaker.failed(SECOND);
        assert!(breaker.succeeded());
        assert!(!breaker.succeeded(), "it is closed already");
        assert_eq!(breaker.ask(SECOND), Permit::Go);
    }
}
