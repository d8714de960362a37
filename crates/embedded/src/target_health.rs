//! The [`TargetHealth`] port in one process, which knows what it saw itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{Clock, MOST_RESTING, PortError, RESTING_REMEMBERED, Resting, TargetHealth};

use crate::SystemClock;

/// Remembers targets for one process only. Clones remember the same.
#[derive(Clone)]
pub struct MemoryTargetHealth {
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<Known>>,
}

// Held for some microseconds, never over an await.
#[derive(Debug, Default)]
struct Known {
    resting: HashMap<String, Resting>,
    /// Until when, by the steady clock.
    probed: HashMap<String, Duration>,
}

impl MemoryTargetHealth {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What ended before this, by the wall, is forgotten.
    fn horizon_ms(&self) -> u64 {
        let now = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        now.saturating_sub(u64::try_from(RESTING_REMEMBERED.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Default for MemoryTargetHealth {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::default()))
    }
}

impl fmt::Debug for MemoryTargetHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTargetHealth").field("known", &self.known).finish_non_exhaustive()
    }
}

#[async_trait]
impl TargetHealth for MemoryTargetHealth {
    async fn rest(&self, resting: &Resting) -> Result<(), PortError> {
        let horizon = self.horizon_ms();
        let mut known = self.known();
        if known.resting.get(&resting.target).is_some_and(|it| it.until_ms > resting.until_ms) {
            return Ok(());
        }
        known.probed.remove(&resting.target);
        known.resting.insert(resting.target.clone(), resting.clone());
        if known.resting.len() > MOST_RESTING {
            known.resting.retain(|_, it| it.until_ms >= horizon);
        }
        if known.resting.len() > MOST_RESTING {
            let first = known.resting.values().min_by_key(|it| it.until_ms).map(|it| it.target.clone());
            first.and_then(|it| known.resting.remove(&it));
        }
        Ok(())
    }

    async fn recovered(&self, target: &str) -> Result<(), PortError> {
        let mut known = self.known();
        known.resting.remove(target);
        known.probed.remove(target);
        Ok(())
    }

    async fn resting(&self) -> Result<Vec<Resting>, PortError> {
        let horizon = self.horizon_ms();
        let mut known = self.known();
        known.resting.retain(|_, it| it.until_ms >= horizon);
        Ok(known.resting.values().cloned().collect())
    }

    async fn claim_probe(&self, target: &str, for_how_long: Duration) -> Result<bool, PortError> {
        let now = self.clock.monotonic();
        let mut known = self.known();
        if known.probed.get(target).is_some_and(|until| *until > now) {
            return Ok(false);
        }
        if known.probed.len() >= MOST_RESTING {
            known.probed.retain(|_, until| *until > now);
        }
        // So many probes are never under way: one more may be made twice.
        if known.probed.len() < MOST_RESTING {
            known.probed.insert(target.to_owned(), now + for_how_long);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use outcrop_ports::contract;

    use super::*;

    #[tokio::test]
    async fn keeps_the_contract() {
        let made: Mutex<HashMap<_, MemoryTargetHealth>> = Mutex::default();
        contract::target_health(async |name| {
            let health = made.lock().unwrap().entry(name).or_default().clone();
            Arc::new(health) as Arc<dyn TargetHealth>
        })
        .await;
    }
}
