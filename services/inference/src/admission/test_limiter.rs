//! A limiter in memory that can be away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_embedded::MemoryLimiter;
use outcrop_ports::{Admission, Ask, Limiter, Meter, MeterState, PortError, Seed, Settlement};

#[derive(Debug, Default)]
pub(super) struct TestLimiter {
    pub(super) memory: MemoryLimiter,
    pub(super) away: AtomicBool,
    /// How many settlements came, those that it was away for among them.
    pub(super) tries: AtomicUsize,
    /// How many it took.
    pub(super) settled: AtomicUsize,
}

impl TestLimiter {
    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), PortError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("check limits", "the counters are away"));
        }
        Ok(())
    }
}

#[async_trait]
impl Limiter for TestLimiter {
    async fn reserve(&self, ask: &Ask<'_>) -> Result<Admission, PortError> {
        self.check()?;
        self.memory.reserve(ask).await
    }

    async fn settle(&self, settlements: &[Settlement], now: Duration) -> Result<(), PortError> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.settled.fetch_add(settlements.len(), Ordering::SeqCst);
        self.memory.settle(settlements, now).await
    }

    async fn seed(&self, meter: &Meter, seed: &Seed, now: Duration) -> Result<bool, PortError> {
        self.check()?;
        self.memory.seed(meter, seed, now).await
    }

    async fn read(&self, meters: &[Meter], now: Duration) -> Result<Vec<MeterState>, PortError> {
        self.check()?;
        self.memory.read(meters, now).await
    }

    async fn count(&self, meters: &[Meter], now: Duration) -> Result<Admission, PortError> {
        self.check()?;
        self.memory.count(meters, now).await
    }
}
