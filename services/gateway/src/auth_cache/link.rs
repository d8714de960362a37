//! Whether every change is heard, and what that means for how long an answer is believed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Since when every change has been heard: nanoseconds of the monotonic clock.
pub(super) struct Link(AtomicU64);

/// Not now.
const DOWN: u64 = u64::MAX;

impl Default for Link {
    fn default() -> Self {
        Self(AtomicU64::new(DOWN))
    }
}

impl Link {
    /// From `now` on every change is heard.
    pub(super) fn up(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).unwrap_or(DOWN), Ordering::Release);
    }

    /// Changes may be missed.
    pub(super) fn down(&self) {
        self.0.store(DOWN, Ordering::Release);
    }

    /// Whether whatever changed since a check that began at this time has been heard of. A check that began in the
    /// very moment may have begun before.
    pub(super) fn covers(&self, checked_at: Duration) -> bool {
        checked_at.as_nanos() > u128::from(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_checked_since_is_covered() {
        let second = Duration::from_secs(1);
        let link = Link::default();
        assert!(!link.covers(second * 9));
        link.up(second * 2);
        assert!(!link.covers(second) && !link.covers(second * 2) && link.covers(second * 3));
        link.down();
        assert!(!link.covers(second * 9));
    }
}
