//! Listening to one Redis channel, for as long as anybody wants to hear of it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use outcrop_ports::IdGen;
use redis::aio::{PubSub, PubSubSink};
use redis::{Client, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::connection::{Connection, RedisOptions};

/// Between two questions whether the subscriber's connection lives.
const BEAT: Duration = Duration::from_millis(200);

/// Longest wait for the answer. Together with [`BEAT`] it is half a second at most from the last sign of life of a
/// connection to the word that it is lost.
const BEAT_PATIENCE: Duration = Duration::from_millis(300);

/// Messages on their way to a listener; whoever is behind by more has missed some.
const BACKLOG: usize = 1_024;

/// The first wait before a new try to connect, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How a listener's connection is made: one for each listener.
#[derive(Clone)]
pub(crate) struct Subscriber {
    client: Client,
    connect_timeout: Duration,
    home: Option<Handle>,
    ids: Arc<dyn IdGen>,
    channel: Channel,
}

/// What is listened to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    /// Its name in Redis.
    pub(crate) name: &'static str,
    /// What the log says when it is heard.
    pub(crate) heard: &'static str,
    /// And when it is not.
    pub(crate) lost: &'static str,
}

/// What becomes of a listener's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal<'a> {
    /// From now on everything is heard.
    Linked,
    /// Somebody said this.
    Said(&'a [u8]),
    /// From now on nothing is.
    Unlinked,
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

/// Where the signals go, and what they are there; `None` is not passed on.
struct Ear<T> {
    to: mpsc::Sender<T>,
    read: fn(Signal<'_>) -> Option<T>,
}

impl Subscriber {
    /// Listens by the same URL as `connection`, on the runtime that is current now. `ids` spreads the tries of many
    /// replicas to connect again.
    pub(crate) fn new(
        connection: &Connection,
        options: RedisOptions,
        channel: Channel,
        ids: Arc<dyn IdGen>,
    ) -> Self {
        Self {
            client: connection.client().clone(),
            connect_timeout: options.connect_timeout,
            home: Handle::try_current().ok(),
            ids,
            channel,
        }
    }

    /// What is heard, without end. Whoever is too slow is unlinked, and linked again when it has caught up.
    pub(crate) fn listen<T: Send + 'static>(
        &self,
        read: fn(Signal<'_>) -> Option<T>,
    ) -> BoxStream<'static, T> {
        let (to, from) = mpsc::channel(BACKLOG);
        let subscriber = self.clone();
        let home = subscriber.home.clone().unwrap_or_else(Handle::current);
        let ear = Ear { to, read };
        home.spawn(async move {
            tokio::select! {
                // The listener has left.
                () = ear.to.closed() => {}
                () = subscriber.run(&ear) => {}
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

    /// Listens, and does so again whenever that has come to an end, until the listener leaves.
    async fn run<T: Send>(&self, ear: &Ear<T>) {
        let mut wait = BACKOFF.0;
        let mut away = false;
        loop {
            let lost = match timeout(self.connect_timeout, self.subscribe()).await {
                Err(_) => Lost::Late(self.connect_timeout),
                Ok(Err(error)) => error.into(),
                Ok(Ok(link)) => {
                    tracing::info!("{}", self.channel.heard);
                    away = false;
                    ear.hear(Signal::Linked).await;
                    let began = Instant::now();
                    let lost = ear.follow(link).await;
                    // Whoever is thrown out as soon as it is in does not come back at once.
                    if began.elapsed() > BACKOFF.1 {
                        wait = BACKOFF.0;
                    }
                    // Waits for a listener that is behind.
                    ear.hear(Signal::Unlinked).await;
                    lost
                }
            };
            if !away {
                away = true;
                tracing::warn!(error = %lost, "{}", self.channel.lost);
            }
            tokio::time::sleep(self.spread(wait)).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    async fn subscribe(&self) -> Result<PubSub, RedisError> {
        let mut link = self.client.get_async_pubsub().await?;
        link.subscribe(self.channel.name).await?;
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

impl<T: Send> Ear<T> {
    /// Passes a signal on, and waits until there is room for it. Whether the listener has left is seen elsewhere.
    async fn hear(&self, signal: Signal<'_>) {
        if let Some(heard) = (self.read)(signal) {
            let _ = self.to.send(heard).await;
        }
    }

    /// Passes on what comes until the link is lost; says why it is.
    async fn follow(&self, link: PubSub) -> Lost {
        let (sink, mut messages) = link.split();
        let beats = beat(sink);
        tokio::pin!(beats);
        loop {
            let message = tokio::select! {
                lost = &mut beats => return lost,
                message = messages.next() => message,
            };
            let Some(message) = message else { return Lost::Closed };
            if let Some(heard) = (self.read)(Signal::Said(message.get_payload_bytes()))
                && self.to.try_send(heard).is_err()
            {
                return Lost::TooSlow;
            }
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

    #[test]
    fn waits_are_spread_around_what_is_meant() {
        let options = RedisOptions::default();
        let connection = Connection::new("redis://h", options).expect("a good URL");
        let channel = Channel { name: "c", heard: "heard", lost: "lost" };
        for (random, expected) in [(0, 500), (255, 1_500)] {
            let subscriber = Subscriber::new(&connection, options, channel, Arc::new(Always(random)));
            assert_eq!(subscriber.spread(Duration::from_secs(1)), Duration::from_millis(expected));
        }
    }
}
