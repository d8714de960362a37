//! The [`McpSessions`] port on Redis.

mod keys;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use outcrop_ports::{
    IdGen, McpBounds, McpNudge, McpOpened, McpPage, McpSession, McpSessionKey, McpSessions, McpStreamId,
    PortError,
};
use redis::{FromRedisValue, Script, ScriptInvocation};

use crate::connection::{Connection, RedisOptions};
use crate::operation::Operation;
use crate::subscriber::{Channel, Signal, Subscriber};

/// How nudges are listened to. All replicas of a platform share them; that of another on the same Redis hears of sessions
/// that it does not know.
const NUDGES: Channel = Channel {
    name: "outcrop:mcp",
    heard: "what happens in MCP sessions is heard from Redis",
    lost: "what happens in MCP sessions is not heard from Redis; it is asked for now and then",
};

/// Most streams that one script keeps.
const KEPT_AT_ONCE: usize = 500;

/// What is kept longer than this is kept for so long: about ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The largest number that the scripts tell from its neighbours.
const LARGEST: u64 = 1 << 53;

/// Sessions in Redis, for all replicas that use the same one; also in a cluster, where all of them are on one node.
///
/// Nothing stays for ever: a session is a hash that runs out, and its streams run out with it. What Redis loses or evicts is
/// gone for everybody, and clients begin anew. How much is kept in all is for Redis to say (`maxmemory`).
#[derive(Clone)]
pub struct RedisMcpSessions {
    connection: Arc<Connection>,
    subscriber: Subscriber,
    scripts: Arc<Scripts>,
    bounds: McpBounds,
}

struct Scripts {
    open: Script,
    touch: Script,
    change: Script,
    close: Script,
    open_stream: Script,
    append: Script,
    read: Script,
    keep: Script,
    post: Script,
    letters: Script,
}

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("lua/mcp_common.lua"), include_str!(concat!("lua/", $file))))
    };
}

impl RedisMcpSessions {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS; any node of a cluster.
    ///
    /// Connects when first used, so Redis may be away now. The URL alone can be wrong here. Call it where the process's
    /// main runtime is current: the connections will live there. `ids` spreads the tries of many replicas to connect again.
    ///
    /// # Errors
    /// The URL is none.
    pub fn connect(
        url: &str,
        options: RedisOptions,
        bounds: McpBounds,
        ids: Arc<dyn IdGen>,
    ) -> Result<Self, PortError> {
        let connection = Arc::new(Connection::new(url, options)?);
        let subscriber = Subscriber::new(&connection, options, NUDGES, ids);
        let scripts = Scripts {
            open: script!("mcp_open.lua"),
            touch: script!("mcp_touch.lua"),
            change: script!("mcp_change.lua"),
            close: script!("mcp_close.lua"),
            open_stream: script!("mcp_open_stream.lua"),
            append: script!("mcp_append.lua"),
            read: script!("mcp_read.lua"),
            keep: script!("mcp_keep.lua"),
            post: script!("mcp_post.lua"),
            letters: script!("mcp_letters.lua"),
        };
        Ok(Self { connection, subscriber, scripts: Arc::new(scripts), bounds })
    }

    async fn ask<T: FromRedisValue>(
        &self,
        attempted: &str,
        question: &ScriptInvocation<'_>,
    ) -> Result<T, PortError> {
        let answer = self
            .connection
            .ask(Operation::Mcp, |mut redis| async move { question.invoke_async(&mut redis).await })
            .await;
        answer.map_err(|error| PortError::unavailable(attempted, error))
    }
}

// The state of clients is nobody else's, nor is the password.
impl fmt::Debug for RedisMcpSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisMcpSessions").field("connection", &self.connection).finish_non_exhaustive()
    }
}

#[async_trait]
impl McpSessions for RedisMcpSessions {
    async fn open(
        &self,
        key: &McpSessionKey,
        owner: &str,
        state: Bytes,
        ttl: Duration,
    ) -> Result<McpOpened, PortError> {
        let mut open = self.scripts.open.key(keys::session(key));
        open.key(keys::owner(owner));
        open.arg(&key.0[..]).arg(keys::streams(key)).arg(owner).arg(&state[..]).arg(millis(ttl));
        open.arg(self.bounds.sessions_per_owner).arg(keys::sessions()).arg(keys::owners());
        let opened: bool = self.ask("begin an MCP session", &open).await?;
        Ok(if opened { McpOpened::Yes } else { McpOpened::TooMany })
    }

    async fn touch(
        &self,
        key: &McpSessionKey,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<McpSession>, PortError> {
        let mut touch = self.scripts.touch.key(keys::session(key));
        touch.key(keys::owner(owner));
        touch.arg(&key.0[..]).arg(keys::streams(key)).arg(owner).arg(millis(ttl));
        let known: Option<(Vec<u8>, u64, u64)> = self.ask("look up an MCP session", &touch).await?;
        Ok(known.map(|(state, revision, letters)| McpSession { state: state.into(), revision, letters }))
    }

    async fn change(&self, key: &McpSessionKey, revision: u64, state: Bytes) -> Result<bool, PortError> {
        let mut change = self.scripts.change.key(keys::session(key));
        change.arg(revision).arg(&state[..]);
        self.ask("change an MCP session", &change).await
    }

    async fn close(&self, key: &McpSessionKey, owner: &str) -> Result<bool, PortError> {
        let mut close = self.scripts.close.key(keys::session(key));
        close.key(keys::owner(owner));
        close.arg(&key.0[..]).arg(keys::streams(key)).arg(owner).arg(NUDGES.name);
        self.ask("end an MCP session", &close).await
    }

    async fn open_stream(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        lease: Duration,
    ) -> Result<bool, PortError> {
        let mut open = self.scripts.open_stream.key(keys::session(key));
        open.key(keys::stream(key, stream));
        open.arg(&stream.0.as_bytes()[..]).arg(keys::streams(key)).arg(millis(lease));
        open.arg(self.bounds.streams.max(1));
        self.ask("begin a stream of an MCP session", &open).await
    }

    async fn append(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        event: Bytes,
        is_last: bool,
    ) -> Result<Option<u64>, PortError> {
        let mut append = self.scripts.append.key(keys::session(key));
        append.key(keys::stream(key, stream));
        append.arg(&key.0[..]).arg(&event[..]).arg(u8::from(is_last));
        append.arg(self.bounds.events.max(1)).arg(self.bounds.event_bytes).arg(NUDGES.name);
        self.ask("keep an event of an MCP session", &append).await
    }

    async fn read(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        after: u64,
        limit: usize,
    ) -> Result<Option<McpPage>, PortError> {
        let mut read = self.scripts.read.key(keys::session(key));
        read.key(keys::stream(key, stream)).arg(after.min(LARGEST)).arg(limit);
        let told: Option<(bool, bool, u64, Vec<Vec<u8>>)> =
            self.ask("read events of an MCP session", &read).await?;
        Ok(told.map(|(is_over, is_kept, first, events)| McpPage {
            events: numbered(first, events),
            is_over,
            is_kept,
        }))
    }

    async fn keep(&self, streams: &[(McpSessionKey, McpStreamId)], lease: Duration) -> Result<(), PortError> {
        for some in streams.chunks(KEPT_AT_ONCE) {
            let mut keep = self.scripts.keep.prepare_invoke();
            for (key, stream) in some {
                keep.key(keys::stream(key, *stream));
            }
            keep.arg(millis(lease));
            self.ask::<()>("keep streams of MCP sessions", &keep).await?;
        }
        Ok(())
    }

    async fn post(&self, key: &McpSessionKey, letter: Bytes) -> Result<bool, PortError> {
        let mut post = self.scripts.post.key(keys::session(key));
        post.arg(&key.0[..]).arg(&letter[..]);
        post.arg(self.bounds.letters.max(1)).arg(self.bounds.letter_bytes).arg(NUDGES.name);
        self.ask("leave a letter in an MCP session", &post).await
    }

    async fn letters(&self, key: &McpSessionKey, after: u64) -> Result<Vec<(u64, Bytes)>, PortError> {
        let mut letters = self.scripts.letters.key(keys::session(key));
        letters.arg(after.min(LARGEST));
        let (first, found): (u64, Vec<Vec<u8>>) =
            self.ask("read the letters of an MCP session", &letters).await?;
        Ok(numbered(first, found))
    }

    fn nudges(&self) -> BoxStream<'static, McpNudge> {
        self.subscriber.listen(|signal| match signal {
            // Also at first: until then nothing was heard.
            Signal::Linked => Some(McpNudge::Missed),
            Signal::Said(key) => {
                Some(key.try_into().map_or(McpNudge::Missed, |key| McpNudge::Session(McpSessionKey(key))))
            }
            Signal::Unlinked => None,
        })
    }
}

fn numbered(first: u64, items: Vec<Vec<u8>>) -> Vec<(u64, Bytes)> {
    (first..).zip(items.into_iter().map(Bytes::from)).collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.min(LONGEST).as_millis()).unwrap_or(u64::MAX)
}
