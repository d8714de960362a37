//! Changes as messages on one Redis channel.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use outcrop_ports::{Changes, Heard, IdGen, PortError};
use outcrop_types::Change;

use crate::connection::{Connection, RedisOptions};
use crate::operation::Operation;
use crate::subscriber::{Channel, Signal, Subscriber};

/// All replicas of a platform share it; that of another on the same Redis hears a little too much.
const CHANNEL: &str = "outcrop:changes";

/// How it is listened to.
const CHANGES: Channel = Channel {
    name: CHANNEL,
    heard: "changes are heard from Redis",
    lost: "changes are not heard from Redis; credentials are checked more often",
};

/// Changes told through Redis: `PUBLISH` and, on a connection of its own for each listener, `SUBSCRIBE`.
#[derive(Clone)]
pub struct RedisChanges {
    announcer: Arc<Connection>,
    subscriber: Subscriber,
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
        let subscriber = Subscriber::new(&connection, options, CHANGES, ids);
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
        self.announcer
            .insist(Operation::Announce, &publish)
            .await
            .map_err(|error| PortError::unavailable(ATTEMPTED, error))
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        self.subscriber.listen(|signal| {
            Some(match signal {
                Signal::Linked => Heard::Linked,
                Signal::Unlinked => Heard::Unlinked,
                // What cannot be read is of a newer version than ours, and may concern anything.
                Signal::Said(text) => {
                    Heard::Changed(serde_json::from_slice(text).unwrap_or(Change::Everything))
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt;
    use outcrop_ports::PortFailure;
    use tokio::time::timeout;

    use super::*;

    struct Always;

    impl IdGen for Always {
        fn uuid(&self) -> uuid::Uuid {
            uuid::Uuid::nil()
        }

        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    fn changes(url: &str) -> Result<RedisChanges, PortError> {
        RedisChanges::connect(url, RedisOptions::default(), Arc::new(Always))
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        let error = changes("redis://u:hunter2@h:port").expect_err("no port");
        assert_eq!(error.failure, PortFailure::Broken);
        assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"), "{error:?}");
        let changes = changes("redis://u:hunter2@127.0.0.1:1").expect("a good URL");
        assert!(!format!("{changes:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn away_from_the_start_it_says_so_in_time_and_links_nobody() {
        // Port 1 is never bound without privileges.
        let changes = changes("redis://127.0.0.1:1").expect("a good URL");
        let mut heard = changes.listen();
        let error = changes.announce(&Change::Everything).await.expect_err("away");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(timeout(Duration::from_millis(100), heard.next()).await.is_err(), "there is nothing to hear");
    }
}
