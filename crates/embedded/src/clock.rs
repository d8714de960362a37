//! The time of this machine.

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use outcrop_ports::Clock;

/// The system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the others take the time from")]
    fn now(&self) -> DateTime<Utc> {
        // As fine as every store keeps it: what is answered now is what is read back later.
        Utc::now().trunc_subsecs(6)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_run() {
        let clock = SystemClock::default();
        let (wall, steady) = (clock.now(), clock.monotonic());
        assert!(wall.timestamp() > 1_700_000_000, "{wall}");
        while clock.monotonic() == steady {}
        assert!(clock.monotonic() > steady);
    }
}
