//! Whether a dependency is there: what `/readyz` asks.

use async_trait::async_trait;

use crate::PortError;

/// Something that can say whether it works right now.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// The dependency as operators know it: `postgres`, `redis`, `sqs`, …
    fn name(&self) -> &'static str;

    /// Asks the dependency itself, cheaply; callers bound the time.
    async fn probe(&self) -> Result<(), PortError>;
}
