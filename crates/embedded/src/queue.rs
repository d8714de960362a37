//! A queue that is gone with its process: for tests, and for work that may be lost.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{Delivery, PortError, Queue, Receipt};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Largest body, in bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Bounds of a [`MemoryQueue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryQueueOptions {
    /// Most messages held, those in flight included; also most dead letters.
    pub capacity: usize,
    /// A message delivered so often without being acknowledged becomes a dead letter.
    pub max_deliveries: u32,
}

impl Default for MemoryQueueOptions {
    fn default() -> Self {
        Self { capacity: 10_000, max_deliveries: 5 }
    }
}

/// A queue in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    options: MemoryQueueOptions,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    dead: VecDeque<String>,
    last_id: u64,
}

#[derive(Debug)]
struct Message {
    id: u64,
    body: String,
    deliveries: u32,
    visible_at: Instant,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    #[error("{bytes} bytes are more than the {MAX_BODY_BYTES} a message may have")]
    TooLarge { bytes: usize },
    #[error("the queue holds {capacity} messages already")]
    Full { capacity: usize },
}

impl MemoryQueue {
    /// An empty queue with these bounds.
    #[must_use]
    pub fn new(options: MemoryQueueOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// The bodies of the dead letters, the oldest first.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<String> {
        self.state().dead.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one step, so a panic elsewhere leaves a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest visible message, or says when the next one becomes visible.
    fn take(&self, visibility: Duration) -> Result<Delivery, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        state.bury(now, self.options);
        let Some(message) = state.messages.iter_mut().find(|message| message.visible_at <= now) else {
            return Err(state.messages.iter().map(|message| message.visible_at).min());
        };
        message.deliveries += 1;
        message.visible_at = now + visibility;
        Ok(Delivery {
            receipt: Receipt(format!("{}:{}", message.id, message.deliveries)),
            body: message.body.clone(),
            attempt: NonZeroU32::new(message.deliveries).unwrap_or(NonZeroU32::MIN),
        })
    }
}

impl State {
    /// Moves what is visible again after its last delivery to the dead letters.
    fn bury(&mut self, now: Instant, options: MemoryQueueOptions) {
        let dead = &mut self.dead;
        self.messages.retain_mut(|message| {
            let alive = message.visible_at > now || message.deliveries < options.max_deliveries;
            if !alive {
                if dead.len() >= options.capacity {
                    dead.pop_front();
                }
                dead.push_back(std::mem::take(&mut message.body));
            }
            alive
        });
    }

    /// The place of the message that a receipt is still good for.
    fn position(&self, receipt: &Receipt) -> Option<usize> {
        let (id, delivery) = receipt.0.split_once(':')?;
        let (id, delivery) = (id.parse::<u64>().ok()?, delivery.parse::<u32>().ok()?);
        self.messages.iter().position(|message| message.id == id && message.deliveries == delivery)
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, body: String) -> Result<(), PortError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(PortError::broken("send a message", NotSent::TooLarge { bytes: body.len() }));
        }
        {
            let mut state = self.state();
            if state.messages.len() >= self.options.capacity {
                let full = NotSent::Full { capacity: self.options.capacity };
                return Err(PortError::unavailable("send a message", full));
            }
            state.last_id += 1;
            let message = Message { id: state.last_id, body, deliveries: 0, visible_at: Instant::now() };
            state.messages.push_back(message);
        }
        self.changed.notify_one();
        Ok(())
    }

    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError> {
        let deadline = Instant::now() + wait;
        loop {
            // Listens before it looks, so that nothing sent in between is missed.
            let changed = self.changed.notified();
            let next = match self.take(visibility) {
                Ok(delivery) => {
                    // A permit wakes one receiver only; another message may be waiting for another one.
                    self.changed.notify_one();
                    return Ok(Some(delivery));
                }
                Err(next) => next,
            };
            if Instant::now() >= deadline {
                return Ok(None);
            }
            let until = next.map_or(deadline, |next| next.min(deadline));
            // Either way it looks again.
            let _ = tokio::time::timeout_at(until, changed).await;
        }
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError> {
        {
            let mut state = self.state();
            if let Some(position) = state.position(receipt) {
                state.messages[position].visible_at = Instant::now() + visibility;
            }
        }
        self.changed.notify_one();
        Ok(())
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError> {
        let mut state = self.state();
        if let Some(position) = state.position(receipt) {
            state.messages.remove(position);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_ports::{PortFailure, contract};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_the_contract() {
        contract::queue(|| async { Arc::new(MemoryQueue::default()) as Arc<dyn Queue> }).await;
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_contract_of_dead_letters() {
        let options = MemoryQueueOptions { max_deliveries: 2, ..MemoryQueueOptions::default() };
        contract::queue_dead_letters(|| async { Arc::new(MemoryQueue::new(options)) as Arc<dyn Queue> })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn is_bounded() {
        let queue = MemoryQueue::new(MemoryQueueOptions { capacity: 2, max_deliveries: 1 });
        let too_large = queue.send("x".repeat(MAX_BODY_BYTES + 1)).await.expect_err("too large");
        assert_eq!(too_large.failure, PortFailure::Broken);
        for round in 0..3 {
            queue.send(format!("{round} a")).await.expect("room");
            queue.send(format!("{round} b")).await.expect("room");
            let full = queue.send("c".to_owned()).await.expect_err("full");
            assert_eq!(full.failure, PortFailure::Unavailable);
            for _ in 0..2 {
                queue.receive(Duration::ZERO, Duration::ZERO).await.expect("a queue").expect("a message");
            }
            assert_eq!(queue.receive(Duration::ZERO, Duration::ZERO).await.expect("a queue"), None);
            assert_eq!(queue.dead_letters(), [format!("{round} a"), format!("{round} b")]);
        }
    }
}
