//! The table `queue_messages`: the queue of a platform without SQS.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::{
    Clock, DeadLetter, Delivery, MAX_DEAD_LETTERS, MAX_DELAY, MAX_REASON, PortError, Queue, QueueDepth,
    Receipt,
};
use outcrop_telemetry::current;
use outcrop_telemetry::trace::TraceContext;
use sqlx::{FromRow, Sqlite, Transaction};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros};

/// How often a waiting receiver looks by itself: for messages that another process sent, and for those that
/// have become visible again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The most bytes of a body, as the port promises.
const MAX_BODY: usize = 256 * 1024;
/// The most messages that wait, unless set otherwise.
const DEFAULT_CAPACITY: u32 = 100_000;
/// How many dead messages are kept to be looked at.
const DEAD_KEPT: i64 = 1_000;

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error("the queue holds {0} messages, which is its limit")]
    Full(u32),
    #[error("its body has {0} bytes, and {MAX_BODY} is the limit")]
    TooLong(usize),
}

/// A receipt that this queue did not give.
#[derive(Debug, thiserror::Error)]
#[error("the receipt is not one of this queue's")]
struct ForeignReceipt;

/// The [`Queue`] port in the same file as [`SqliteStore`]: it survives restarts and `kill -9`, and several
/// processes may share it. Cheap to clone.
///
/// A receipt dies the moment its message becomes visible again, so a receiver that was too slow can neither
/// remove nor hide what is another's by then.
#[derive(Clone)]
pub struct SqliteQueue {
    store: SqliteStore,
    clock: Arc<dyn Clock>,
    max_deliveries: NonZeroU32,
    capacity: u32,
    arrived: Arc<Notify>,
}

impl SqliteQueue {
    /// The queue of this database, which must be migrated. A message that has been delivered
    /// `max_deliveries` times and comes back is dead: kept, and not delivered any more.
    #[must_use]
    pub fn new(store: SqliteStore, clock: Arc<dyn Clock>, max_deliveries: NonZeroU32) -> Self {
        Self { store, clock, max_deliveries, capacity: DEFAULT_CAPACITY, arrived: Arc::default() }
    }

    /// Takes at most so many messages (100,000 if this is not called); sending more is unavailable until
    /// some are done.
    #[must_use]
    pub fn with_capacity(self, capacity: u32) -> Self {
        Self { capacity, ..self }
    }

    /// Buries what has been delivered too often, then takes the message whose turn it is.
    async fn take(&self, visibility: Duration) -> Result<Option<Delivery>, PortError> {
        const ATTEMPTED: &str = "receive a message";
        let now = micros(self.clock.now());
        // Looking costs no write lock; most looks find nothing.
        let query = sqlx::query_as::<_, (i64,)>(
            "SELECT 1 FROM queue_messages WHERE state = 'live' AND visible_at <= $1 LIMIT 1",
        );
        if self.store.read_optional(ATTEMPTED, query.bind(now)).await?.is_none() {
            return Ok(None);
        }
        let mut transaction = self.store.begin(ATTEMPTED).await?;
        let spent = sqlx::query(
            "UPDATE queue_messages SET state = 'dead', visible_at = $1
             WHERE state = 'live' AND visible_at <= $1 AND attempts >= $2",
        );
        let spent = spent.bind(now).bind(self.max_deliveries.get()).execute(&mut *transaction).await;
        if spent.map_err(|error| port_error(ATTEMPTED, error))?.rows_affected() > 0 {
            forget_oldest(ATTEMPTED, &mut transaction).await?;
        }
        let mut taken: Vec<MessageRow> = sqlx::query_as(
            "UPDATE queue_messages SET attempts = attempts + 1, visible_at = $2
             WHERE id = (SELECT id FROM queue_messages WHERE state = 'live' AND visible_at <= $1
                         ORDER BY visible_at, id LIMIT 1)
             RETURNING id, body, attempts, visible_at, reason, trace",
        )
        .bind(now)
        .bind(self.after(visibility))
        .fetch_all(&mut *transaction)
        .await
        .map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        taken.pop().map(MessageRow::delivery).transpose()
    }

    /// When something hidden now is back.
    fn after(&self, visibility: Duration) -> i64 {
        let visibility = i64::try_from(visibility.as_micros()).unwrap_or(i64::MAX);
        micros(self.clock.now()).saturating_add(visibility)
    }
}

impl std::fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteQueue")
            .field("max_deliveries", &self.max_deliveries)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, body: String) -> Result<(), PortError> {
        self.send_after(body, Duration::ZERO).await
    }

    async fn send_after(&self, body: String, delay: Duration) -> Result<(), PortError> {
        const ATTEMPTED: &str = "send a message";
        check(ATTEMPTED, &body)?;
        let query = sqlx::query(
            "INSERT INTO queue_messages (body, visible_at, trace)
             SELECT $1, $2, $4 WHERE (SELECT count(*) FROM queue_messages WHERE state = 'live') < $3",
        )
        .bind(body)
        .bind(self.after(delay.min(MAX_DELAY)))
        .bind(self.capacity)
        .bind(current::trace().to_line());
        if self.store.write(ATTEMPTED, query).await? == 0 {
            return Err(PortError::unavailable(ATTEMPTED, Unsent::Full(self.capacity)));
        }
        self.arrived.notify_one();
        Ok(())
    }

    async fn send_all(&self, mut bodies: Vec<String>) -> Result<Vec<String>, PortError> {
        const ATTEMPTED: &str = "send messages";
        bodies.iter().try_for_each(|body| check(ATTEMPTED, body))?;
        // One statement: either those that there is room for, or none. `json_each` gives them in their order.
        let query = sqlx::query(
            "INSERT INTO queue_messages (body, visible_at, trace)
             SELECT value, $2, $4 FROM json_each($1) ORDER BY key
             LIMIT max(0, $3 - (SELECT count(*) FROM queue_messages WHERE state = 'live'))",
        )
        .bind(serde_json::json!(bodies).to_string())
        .bind(self.after(Duration::ZERO))
        .bind(self.capacity)
        .bind(current::trace().to_line());
        let sent = self.store.write(ATTEMPTED, query).await?;
        // Everybody who waits now may find one; a permit is left for who looks later.
        self.arrived.notify_waiters();
        self.arrived.notify_one();
        Ok(bodies.split_off(usize::try_from(sent).unwrap_or(usize::MAX).min(bodies.len())))
    }

    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Option<Delivery>, PortError> {
        let started = Instant::now();
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            // Listens before it looks, so that nothing arrives unnoticed in between.
            arrived.as_mut().enable();
            if let Some(delivery) = self.take(visibility).await? {
                return Ok(Some(delivery));
            }
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            // Woken or not, we look again.
            let _ = tokio::time::timeout(left.min(LOOK_EVERY), arrived).await;
        }
    }

    async fn extend(&self, receipt: &Receipt, visibility: Duration) -> Result<(), PortError> {
        const ATTEMPTED: &str = "hide a message for longer";
        let (id, attempt) = parse(ATTEMPTED, receipt)?;
        let query = sqlx::query(
            "UPDATE queue_messages SET visible_at = $4
             WHERE id = $1 AND attempts = $2 AND state = 'live' AND visible_at > $3",
        )
        .bind(id)
        .bind(attempt)
        .bind(micros(self.clock.now()))
        .bind(self.after(visibility));
        if self.store.write(ATTEMPTED, query).await? == 0 {
            return Err(PortError::conflict(ATTEMPTED));
        }
        if visibility.is_zero() {
            self.arrived.notify_one();
        }
        Ok(())
    }

    async fn ack(&self, receipt: &Receipt) -> Result<(), PortError> {
        const ATTEMPTED: &str = "acknowledge a message";
        let (id, attempt) = parse(ATTEMPTED, receipt)?;
        let query = sqlx::query(
            "DELETE FROM queue_messages
             WHERE id = $1 AND attempts = $2 AND state = 'live' AND visible_at > $3",
        )
        .bind(id)
        .bind(attempt)
        .bind(micros(self.clock.now()));
        self.store.write(ATTEMPTED, query).await.map(drop)
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), PortError> {
        const ATTEMPTED: &str = "set a message aside";
        let (id, attempt) = parse(ATTEMPTED, &delivery.receipt)?;
        let mut transaction = self.store.begin(ATTEMPTED).await?;
        // Whoever received it after us will find the same.
        sqlx::query(
            "UPDATE queue_messages SET state = 'dead', visible_at = $3, reason = $4
             WHERE id = $1 AND attempts = $2 AND state = 'live'",
        )
        .bind(id)
        .bind(attempt)
        .bind(micros(self.clock.now()))
        .bind(reason.chars().take(MAX_REASON).collect::<String>())
        .execute(&mut *transaction)
        .await
        .map_err(|error| port_error(ATTEMPTED, error))?;
        forget_oldest(ATTEMPTED, &mut transaction).await?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))
    }

    /// The latest first; the last 1,000 are kept.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        let limit = i64::try_from(limit.min(MAX_DEAD_LETTERS)).unwrap_or_default();
        let query = sqlx::query_as(
            "SELECT id, body, attempts, visible_at, reason, trace FROM queue_messages WHERE state = 'dead'
             ORDER BY visible_at DESC, id DESC LIMIT $1",
        );
        let rows: Vec<MessageRow> = self.store.read_all("list dead letters", query.bind(limit)).await?;
        rows.into_iter().map(MessageRow::dead).collect()
    }

    async fn redrive(&self, dead: &DeadLetter) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "send a message again";
        let (id, attempts) = parse(ATTEMPTED, &dead.receipt)?;
        let failed = |error| port_error(ATTEMPTED, error);
        let mut transaction = self.store.begin(ATTEMPTED).await?;
        // Under a new id, so that no receipt of its former deliveries is good again.
        let sent = sqlx::query(
            "INSERT INTO queue_messages (body, visible_at, trace) SELECT body, $3, trace FROM queue_messages
             WHERE id = $1 AND attempts = $2 AND state = 'dead'",
        );
        let sent = sent.bind(id).bind(attempts).bind(micros(self.clock.now()));
        if sent.execute(&mut *transaction).await.map_err(failed)?.rows_affected() == 0 {
            return Ok(false);
        }
        let gone = sqlx::query("DELETE FROM queue_messages WHERE id = $1").bind(id);
        gone.execute(&mut *transaction).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.arrived.notify_one();
        Ok(true)
    }

    async fn depth(&self) -> Result<QueueDepth, PortError> {
        const ATTEMPTED: &str = "count messages";
        let query = sqlx::query_as::<_, (i64, i64, i64, i64)>(
            "SELECT count(*) FILTER (WHERE state = 'live' AND visible_at <= $1),
                    count(*) FILTER (WHERE state = 'live' AND visible_at > $1 AND attempts > 0),
                    count(*) FILTER (WHERE state = 'live' AND visible_at > $1 AND attempts = 0),
                    count(*) FILTER (WHERE state = 'dead')
             FROM queue_messages",
        );
        let query = query.bind(micros(self.clock.now()));
        let (waiting, in_flight, delayed, dead) =
            self.store.read_optional(ATTEMPTED, query).await?.unwrap_or_default();
        // A count is never below zero.
        let [waiting, in_flight, delayed, dead] =
            [waiting, in_flight, delayed, dead].map(|count| u64::try_from(count).unwrap_or_default());
        Ok(QueueDepth { waiting, in_flight, delayed, dead: Some(dead) })
    }
}

/// Keeps the table of dead letters bounded.
async fn forget_oldest(
    attempted: &'static str,
    transaction: &mut Transaction<'_, Sqlite>,
) -> Result<(), PortError> {
    let query = sqlx::query(
        "DELETE FROM queue_messages WHERE id IN (
             SELECT id FROM queue_messages WHERE state = 'dead'
             ORDER BY visible_at DESC, id DESC LIMIT -1 OFFSET $1)",
    );
    let forgotten = query.bind(DEAD_KEPT).execute(&mut **transaction).await;
    forgotten.map(drop).map_err(|error| port_error(attempted, error))
}

/// A body that is too large is so for ever.
fn check(attempted: &'static str, body: &str) -> Result<(), PortError> {
    if body.len() > MAX_BODY {
        return Err(PortError::broken(attempted, Unsent::TooLong(body.len())));
    }
    Ok(())
}

/// A receipt names the message and the delivery: `17.2`.
fn parse(attempted: &'static str, receipt: &Receipt) -> Result<(i64, i64), PortError> {
    receipt
        .0
        .split_once('.')
        .and_then(|(id, attempt)| Some((id.parse().ok()?, attempt.parse().ok()?)))
        .ok_or_else(|| PortError::broken(attempted, ForeignReceipt))
}

/// What makes no sense is no trace: no message is lost over it.
fn trace_of(line: Option<&str>) -> TraceContext {
    line.map(TraceContext::from_line).unwrap_or_default()
}

#[derive(FromRow)]
struct MessageRow {
    id: i64,
    body: String,
    attempts: i64,
    visible_at: i64,
    reason: Option<String>,
    trace: Option<String>,
}

impl MessageRow {
    fn delivery(self) -> Result<Delivery, PortError> {
        let id = self.id.to_string();
        let row = Row { table: "queue_messages", id: &id };
        let attempts: u32 = row.number("attempts", self.attempts)?;
        Ok(Delivery {
            receipt: Receipt(format!("{id}.{attempts}")),
            attempt: row.known("attempts", NonZeroU32::new(attempts))?,
            trace: trace_of(self.trace.as_deref()),
            body: self.body,
        })
    }

    fn dead(self) -> Result<DeadLetter, PortError> {
        let id = self.id.to_string();
        let row = Row { table: "queue_messages", id: &id };
        let attempts: u32 = row.number("attempts", self.attempts)?;
        Ok(DeadLetter {
            receipt: Receipt(format!("{id}.{attempts}")),
            attempts: Some(attempts),
            died_at: Some(row.time("visible_at", self.visible_at)?),
            trace: trace_of(self.trace.as_deref()),
            body: self.body,
            reason: self.reason,
        })
    }
}
