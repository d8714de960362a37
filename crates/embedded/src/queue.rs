//! A queue that is gone with its process: for tests, and for work that may be lost.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{
    DeadLetter, Delivery, MAX_DEAD_LETTERS, MAX_DELAY, MAX_REASON, PortError, Queue, QueueDepth, Receipt,
};
use outcrop_telemetry::current;
use outcrop_telemetry::trace::TraceContext;
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
    dead: VecDeque<Dead>,
    last_id: u64,
}

#[derive(Debug)]
struct Message {
    id: u64,
    body: String,
    deliveries: u32,
    visible_at: Instant,
    trace: TraceContext,
}

/// A message that was set aside. There is no clock here to say when.
#[derive(Debug)]
struct Dead {
    id: u64,
    body: String,
    deliveries: u32,
    reason: Option<String>,
    trace: TraceContext,
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

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one step, so a panic elsewhere leaves a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest visible message, or says when the next one becomes visible.
    fn take(&self, visibility: Duration) -> Result<Delivery, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        state.bury_spent(now, self.options);
        let Some(message) = state.messages.iter_mut().find(|message| message.visible_at <= now) else {
            return Err(state.messages.iter().map(|message| message.visible_at).min());
        };
        message.deliveries += 1;
        message.visible_at = now + visibility;
        Ok(Delivery {
            receipt: Receipt(format!("{}:{}", message.id, message.deliveries)),
            body: message.body.clone(),
            attempt: NonZeroU32::new(message.deliveries).unwrap_or(NonZeroU32::MIN),
            trace: message.trace.clone(),
        })
    }
}

impl State {
    /// Adds a message, if there is room.
    fn add(
        &mut self,
        (body, trace): (String, TraceContext),
        visible_at: Instant,
        options: MemoryQueueOptions,
    ) -> Result<(), NotSent> {
        if self.messages.len() >= options.capacity {
            return Err(NotSent::Full { capacity: options.capacity });
        }
        self.last_id += 1;
        self.messages.push_back(Message { id: self.last_id, body, deliveries: 0, visible_at, trace });
        Ok(())
    }

    /// Moves what is visible again after its last delivery to the dead letters.
    fn bury_spent(&mut self, now: Instant, options: MemoryQueueOptions) {
        let is_spent =
            |message: &Message| message.visible_at <= now && message.deliveries >= options.max_deliveries;
        while let Some(position) = self.messages.iter().position(is_spent) {
            self.bury(position, None, options);
        }
    }

    /// Moves one message to the dead letters; the oldest of these goes where they are too many.
    fn bury(&mut self, position: usize, reason: Option<String>, options: MemoryQueueOptions) {
        let Some(Message { id, body, deliveries, trace, .. }) = self.messages.remove(position) else {
            return;
        };
        if self.dead.len() >= options.capacity {
            self.dead.pop_front();
        }
        self.dead.push_back(Dead { id, body, deliveries, reason, trace });
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
        self.send_after(body, Duration::ZERO).await
    }

    async fn send_after(&self, body: String, delay: Duration) -> Result<(), PortError> {
        const ATTEMPTED: &str = "send a message";
        check(ATTEMPTED, &body)?;
        let visible_at = Instant::now() + delay.min(MAX_DELAY);
        let added = self.state().add((body, current::trace()), visible_at, self.options);
        added.map_err(|full| PortError::unavailable(ATTEMPTED, full))?;
        self.changed.notify_one();
        Ok(())
    }

    async fn send_all(&self, bodies: Vec<String>) -> Result<Vec<String>, PortError> {
        bodies.iter().try_for_each(|body| check("send messages", body))?;
        let mut bodies = bodies.into_iter();
        {
            let (mut state, now) = (self.state(), Instant::now());
            let room = self.options.capacity.saturating_sub(state.messages.len());
            for body in bodies.by_ref().take(room) {
                // There is room for so many.
                let _ = state.add((body, current::trace()), now, self.options);
            }
        }
        self.changed.notify_one();
        Ok(bodies.collect())
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

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), PortError> {
        let mut state = self.state();
        if let Some(position) = state.position(&delivery.receipt) {
            state.bury(position, Some(reason.chars().take(MAX_REASON).collect()), self.options);
        }
        Ok(())
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        let state = self.state();
        let latest = state.dead.iter().rev().take(limit.min(MAX_DEAD_LETTERS));
        Ok(latest.map(Dead::letter).collect())
    }

    async fn redrive(&self, dead: &DeadLetter) -> Result<bool, PortError> {
        {
            let mut state = self.state();
            let position = state.dead.iter().position(|it| it.receipt() == dead.receipt);
            let Some(dead) = position.and_then(|position| state.dead.remove(position)) else {
                return Ok(false);
            };
            let added = state.add((dead.body.clone(), dead.trace.clone()), Instant::now(), self.options);
            if let Err(full) = added {
                state.dead.push_back(dead);
                return Err(PortError::unavailable("send a message again", full));
            }
        }
        self.changed.notify_one();
        Ok(true)
    }

    async fn depth(&self) -> Result<QueueDepth, PortError> {
        let (state, now) = (self.state(), Instant::now());
        let mut depth = QueueDepth { dead: Some(state.dead.len() as u64), ..QueueDepth::default() };
        for message in &state.messages {
            if message.visible_at <= now {
                depth.waiting += 1;
            } else if message.deliveries > 0 {
                depth.in_flight += 1;
            } else {
                depth.delayed += 1;
            }
        }
        Ok(depth)
    }
}

impl Dead {
    fn receipt(&self) -> Receipt {
        Receipt(self.id.to_string())
    }

    fn letter(&self) -> DeadLetter {
        DeadLetter {
            receipt: self.receipt(),
            body: self.body.clone(),
            reason: self.reason.clone(),
            attempts: Some(self.deliveries),
            died_at: None,
            trace: self.trace.clone(),
        }
    }
}

/// A body that is too large is so for ever.
fn check(attempted: &str, body: &str) -> Result<(), PortError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(PortError::broken(attempted, NotSent::TooLarge { bytes: body.len() }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outcrop_ports::{PortFailure, contract};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

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
            let dead = queue.dead_letters(10).await.expect("a queue");
            let bodies: Vec<&str> = dead.iter().map(|dead| dead.body.as_str()).collect();
            assert_eq!(bodies, [format!("{round} b"), format!("{round} a")], "the latest first, and no more");
            assert!(queue.redrive(&dead[0]).await.expect("room"));
            assert!(!queue.redrive(&dead[0]).await.expect("a queue"), "it is not there any more");
            let again = queue.receive(Duration::ZERO, LONG).await.expect("a queue").expect("a message");
            queue.ack(&again.receipt).await.expect("a queue");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn gives_back_what_it_has_no_room_for() {
        let queue = MemoryQueue::new(MemoryQueueOptions { capacity: 2, max_deliveries: 1 });
        let bodies = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!(queue.send_all(bodies.to_vec()).await.expect("a queue"), ["c", "d"]);
        assert_eq!(queue.depth().await.expect("a queue").waiting, 2);
        queue.receive(Duration::ZERO, Duration::ZERO).await.expect("a queue").expect("a message");
        queue.receive(Duration::ZERO, LONG).await.expect("a queue").expect("a message");
        queue.send("c".to_owned()).await.expect("room");
        let dead = queue.dead_letters(1).await.expect("a queue").remove(0);
        assert_eq!(queue.redrive(&dead).await.expect_err("full").failure, PortFailure::Unavailable);
        assert_eq!(queue.dead_letters(10).await.expect("a queue"), [dead], "it is not lost");
    }
}
