//! A limiter that can be away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_embedded::MemoryLimiter;
use outcrop_ports::{Admission, Ask, Limiter, Meter, MeterState, PortError, Seed, Settlement};

/// A limiter in memory that can be away.
#[derive(Debug, Default)]
pub(crate) struct TestLimiter {
    pub(crate) memory: MemoryLimiter,
    pub(crate) away: AtomicBool,
}

impl TestLimiter {
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
        self.check()?;
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

    fn replicas(&self) -> u32 {
        2
    }

    async fn count(&self, meters: &[Meter], now: Duration) -> Result<Admission, PortError> {
        self.check()?;
        self.memory.count(meters, now).await
    }
}
