//! Work that waits.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_telemetry::trace::TraceContext;

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
    /// Where in its trace it was sent; empty where it was sent outside of any.
    pub trace: TraceContext,
}

/// The longest that a message can be delayed; the shortest bound of any queue (SQS: 15 minutes).
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// Most messages that [`Queue::dead_letters`] gives at once.
pub const MAX_DEAD_LETTERS: usize = 100;

/// Most characters of the reason why a message was set aside.
pub const MAX_REASON: usize = 1_024;

/// A message that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Names it for [`Queue::redrive`]. Good for a short time only.
    pub receipt: Receipt,
    /// What was sent.
    pub body: String,
    /// Why it was set aside; `None` where it was delivered too often without a word.
    pub reason: Option<String>,
    /// How often it had been delivered, where that is known.
    pub attempts: Option<u32>,
    /// When it was set aside, where that is known.
    pub died_at: Option<DateTime<Utc>>,
    /// Where in its trace it was first sent.
    pub trace: TraceContext,
}

/// How many messages there are, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Waiting to be received.
    pub waiting: u64,
    /// In a receiver's hands.
    pub in_flight: u64,
    /// Not to be received yet.
    pub delayed: u64,
    /// Set aside; `None` where there is nowhere to set messages aside.
    pub dead: Option<u64>,
}

/// At-least-once work queue; order is not promised.
///
/// A received message stays hidden from other receivers for `visibility`, then comes back. Bodies are at most
/// 256 KiB. After a delivery count set on the queue, a message moves to a dead-letter queue instead.
///
/// A message keeps the trace of the task that sends it ([`current::trace`](outcrop_telemetry::current::trace)), also when it is
/// set aside and sent back.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Adds a message.
    async fn send(&self, body: String) -> Result<(), PortError>;

    /// Adds a message that cannot be received for a while: at most [`MAX_DELAY`], and that long if more is asked for.
    async fn send_after(&self, body: String, delay: Duration) -> Result<(), PortError>;

    /// Adds messages. Those that the queue did not take are given back, the others are sent.
    async fn send_all(&self, bodies: Vec<String>) -> Result<Vec<String>, PortError>;

    /// Waits for a message, at most `wait`; `None` when none came.
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError>;

    /// Hides a message we still work on for a further `visibility`; zero gives it back at once.
    ///
    /// Some queues hide no message for longer than 12 hours in all (SQS). Asking for more is no error there: the message
    /// comes back when its last visibility ends, so whoever receives it must find out elsewhere that it is being worked on.
    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError>;

    /// Removes a finished message. Acknowledging twice is not an error.
    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError>;

    /// Sets a message aside with the reason (cut at [`MAX_REASON`] characters), never to be received again by itself. Where there is
    /// nowhere to set it aside, it is removed, and the log says so. It is never lost in between: it may be there twice.
    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), PortError>;

    /// The messages that were set aside, by hand or after too many deliveries, at most so many (and at most
    /// [`MAX_DEAD_LETTERS`]), in no order. They stay where they are.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError>;

    /// Sends a message that was set aside back to the queue, as if it had never been delivered. `false` if it is known not
    /// to be there any more; a queue that cannot tell sends it again. It is never lost in between: it may be there twice.
    async fn redrive(&self, dead: &DeadLetter) -> Result<bool, PortError>;

    /// How many messages there are.
    async fn depth(&self) -> Result<QueueDepth, PortError>;
}
