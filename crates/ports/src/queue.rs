//! Work that waits.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;

use crate::PortError;

/// Names one delivery of a message; good until the message becomes visible again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// A message in a receiver's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// For extending, releasing and acknowledging.
    pub receipt: Receipt,
    /// What was sent.
    pub body: String,
    /// How often it has been delivered, this time included.
    pub attempt: NonZeroU32,
}

/// At-least-once work queue; order is not promised.
///
/// A received message stays hidden from other receivers for `visibility`, then comes back. Bodies are at most
/// 256 KiB. After a delivery count set on the queue, a message moves to a dead-letter queue instead.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Adds a message.
    async fn send(&self, body: String) -> Result<(), PortError>;

    /// Waits for a message, at most `wait`; `None` when none came.
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError>;

    /// Hides a message we still work on for a further `visibility`; zero gives it back at once.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError>;

    /// Removes a finished message. Acknowledging twice is not an error.
    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError>;
}
