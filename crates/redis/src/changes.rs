//! Changes as messages on one Redis channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use outcrop_ports::{Changes, Heard, IdGen, PortError};
use outcrop_types::Change;
use redis::aio::{PubSub, PubSubSink};
use redis::{Client, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::connection::{Connection, RedisOptions};

/// All replicas of a platform share it; that of another on the same Redis hears a little too much.
const CHANNEL: &str = "outcrop:changes";

/// Between two questions whether the subscriber's connection lives.
const BEAT: Duration = Duration::from_millis(200);

/// Longest wait for the answer. Together with [`BEAT`] it is half a second at most from the last sign of life of a
/// connection to the word that it is lost.
const BEAT_PATIENCE: Duration = Duration::from_millis(300);

/// Changes on their way to a listener; whoever is behind by more has missed some.
const BACKLOG: usize = 1_024;

/// The first wait before a new try to connect, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Changes told through Redis: `PUBLISH` and, on a connection of its own for each listener, `SUBSCRIBE`.
#[derive(Clone)]
pub struct RedisChanges {
    announcer: Arc<Connection>,
    subscriber: Subscriber,
}

/// How a listener's connection is made.
#[derive(Clone)]
struct Subscriber {
    client: Client,
    connect_timeout: Duration,
    home: Option<Handle>,
    ids: Arc<dyn IdGen>,
}

/// Why a listener hears nothing any more.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("the connection could not be made within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("the connection was closed")]
    Closed,
    #[error("there was no sign of life within {} ms", (BEAT + BEAT_PATIENCE).as_millis())]
    Silent,
    #[error("the listener is too slow")]
    TooSlow,
    #[error(transparent)]
    Redis(#[from] RedisError),
}

impl RedisChanges {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS.
    ///
    /// Connects when first used, so Redis may be away now. The URL alone can be wrong here. Call it where the
    /// process's main runtime is current: the connections will live there. `ids` spreads the tries of many
    /// replicas to connect again.
    pub fn connect(url: &str, options: RedisOptions, ids: Arc<dyn IdGen>) -> Result<Self, PortError> {
        // Every announcement is tried: one that is left out would leave replicas in the wrong for long.
        let options = RedisOptions { failures_to_open: u32::MAX, ..options };
        let connection = Connection::new(url, options)?;
        let subscriber = Subscriber {
            client: connection.client().clone(),
            connect_timeout: options.connect_timeout,
            home: Handle::try_current().ok(),
            ids,
        };
        Ok(Self { announcer: Arc::new(connection), subscriber })
    }
}

// The client holds the password.
impl fmt::Debug for RedisChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisChanges").field("announcer", &self.announcer).finish_non_exhaustive()
    }
}

#[async_trait]
impl Changes for RedisChanges {
    /// Waits at most `timeout`, and, if that was not enough, once more `connect_timeout` on a new connection.
    async fn announce(&self, change: &Change) -> Result<(), PortError> {
        const ATTEMPTED: &str = "announce a change";
        let text = serde_json::to_vec(change).map_err(|error| PortError::broken(ATTEMPTED, error))?;
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(CHANNEL).arg(text);
        self.announcer.insist(&publish).await.map_err(|error| PortError::unavailable(ATTEMPTED, error))
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        let (to, from) = mpsc::channel(BACKLOG);
        let subscriber = self.subscriber.clone();
        let home = subscriber.home.clone().unwrap_or_else(Handle::current);
        home.spawn(async move {
            tokio::select! {
                // The listener has left.
                () = to.closed() => {}
                () = subscriber.run(&to) => {}
            }
        });
        stream::unfold(from, |mut from| async {
            match from.recv().await {
                Some(heard) => Some((heard, from)),
                // Only a runtime that ends ends the task before.
                None => std::future::pending().await,
            }
        })
        .boxed()
    }
}

impl Subscriber {
    /// Listens, and does so again whenever that has come to an end, until the listener leaves.
    async fn run(&self, to: &mpsc::Sender<Heard>) {
        let mut wait = BACKOFF.0;
        let mut away = false;
        loop {
            let lost = match timeout(self.connect_timeout, self.subscribe()).await {
                Err(_) => Lost::Late(self.connect_timeout),
                Ok(Err(error)) => error.into(),
                Ok(Ok(link)) => {
                    tracing::info!("changes are heard from Redis");
                    away = false;
                    if to.send(Heard::Linked).await.is_err() {
                        return;
                    }
                    let began = Instant::now();
                    let lost = follow(link, to).await;
                    // Whoever is thrown out as soon as it is in does not come back at once.
                    if began.elapsed() > BACKOFF.1 {
                        wait = BACKOFF.0;
                    }
                    // Waits for a listener that is behind.
                    if to.send(Heard::Unlinked).await.is_err() {
                        return;
                    }
                    lost
                }
            };
            if !away {
                away = true;
                tracing::warn!(error = %lost, "changes are not heard from Redis; credentials are checked more often");
            }
            tokio::time::sleep(self.spread(wait)).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    async fn subscribe(&self) -> Result<PubSub, RedisError> {
        let mut link = self.client.get_async_pubsub().await?;
        link.subscribe(CHANNEL).await?;
        Ok(link)
    }

    /// Half to one and a half of this, so that replicas that lost Redis at once do not all come back at once.
    fn spread(&self, wait: Duration) -> Duration {
        let mut random = [0; 2];
        self.ids.fill(&mut random);
        let part = u32::from(u16::from_be_bytes(random));
        wait / 2 + wait * part / u32::from(u16::MAX)
    }
}

/// Passes on what comes until the link is lost; says why it is.
async fn follow(link: PubSub, to: &mpsc::Sender<Heard>) -> Lost {
    let (sink, mut messages) = link.split();
    let beats = beat(sink);
    tokio::pin!(beats);
    loop {
        let message = tokio::select! {
            lost = &mut beats => return lost,
            message = messages.next() => message,
        };
        let Some(message) = message else { return Lost::Closed };
        // What cannot be read is of a newer version than ours, and may concern anything.
        let change = serde_json::from_slice(message.get_payload_bytes()).unwrap_or(Change::Everything);
        match to.try_send(Heard::Changed(change)) {
            Ok(()) => {}
            Err(_) => return Lost::TooSlow,
        }
    }
}

/// Asks again and again whether the connection lives, until it does not.
async fn beat(mut sink: PubSubSink) -> Lost {
    loop {
        tokio::time::sleep(BEAT).await;
        match timeout(BEAT_PATIENCE, sink.ping::<Value>()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(_) => return Lost::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use outcrop_ports::PortFailure;

    use super::*;

    struct Always(u8);

    impl IdGen for Always {
        fn uuid(&self) -> uuid::Uuid {
            uuid::Uuid::nil()
        }

        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn changes(url: &str, random: u8) -> Result<RedisChanges, PortError> {
        RedisChanges::connect(url, RedisOptions::default(), Arc::new(Always(random)))
    }

    #[test]
    fn waits_are_spread_around_what_is_meant() {
        let second = Duration::from_secs(1);
        for (random, expected) in [(0, 500), (255, 1_500)] {
            let changes = changes("redis://h", random).expect("a good URL");
            assert_eq!(changes.subscriber.spread(second), Duration::from_millis(expected));
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        let error = changes("redis://u:hunter2@h:port", 0).expect_err("no port");
        assert_eq!(error.failure, PortFailure::Broken);
        assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"), "{error:?}");
        let changes = changes("redis://u:hunter2@127.0.0.1:1", 0).expect("a good URL");
        assert!(!format!("{changes:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn away_from_the_start_it_says_so_in_time_and_links_nobody() {
        // Port 1 is never bound without privileges.
        let changes = changes("redis://127.0.0.1:1", 0).expect("a good URL");
        let mut heard = changes.listen();
        let error = changes.announce(&Change::Everything).await.expect_err("away");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(timeout(Duration::from_millis(100), heard.next()).await.is_err(), "there is nothing to hear");
    }
}
