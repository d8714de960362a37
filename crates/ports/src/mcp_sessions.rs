//! What clients of the Model Context Protocol keep with the server between two requests.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use uuid::Uuid;

use crate::PortError;

/// The name of a session: the SHA-256 of the secret that its client shows. Whoever reads the store cannot speak in a session.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct McpSessionKey(pub [u8; 32]);

impl fmt::Debug for McpSessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..6] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}

/// The name of a stream of events within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct McpStreamId(pub Uuid);

/// A session, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpSession {
    /// What is known of it, in the server's own words.
    pub state: Bytes,
    /// Counts its changes, from 1.
    pub revision: u64,
    /// The number of its last letter; 0 if there was none yet.
    pub letters: u64,
}

/// What became of a new session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpOpened {
    /// It is kept.
    Yes,
    /// Its owner has as many as it may have at once.
    TooMany,
}

/// Part of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct McpPage {
    /// Events, each with its number, in order.
    pub events: Vec<(u64, Bytes)>,
    /// Whether nothing more will come after these.
    pub is_over: bool,
    /// Whether a living process still adds to it, or it is over.
    pub is_kept: bool,
}

/// Something happened that another process may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum McpNudge {
    /// In this session: an event, a letter, its end.
    Session(McpSessionKey),
    /// Nudges may have been missed: look at everything that is waited for.
    Missed,
}

/// How much is kept. What is over a bound pushes out the oldest of its kind; of streams, first one that nobody adds to, because it
/// is over or no longer kept. A session over the bound of its owner is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McpBounds {
    /// Sessions of one owner.
    pub sessions_per_owner: usize,
    /// Sessions in all, where they are in this process's memory; the least lately used gives way.
    pub sessions: usize,
    /// Bytes of all of them, upkeep included, where they are in this process's memory; the least lately used gives way.
    pub bytes: usize,
    /// Streams of one session that can be come back to.
    pub streams: usize,
    /// Events of one stream. The newest, in the end its answer, is never pushed out.
    pub events: usize,
    /// Bytes of the events of one stream, but for the newest.
    pub event_bytes: usize,
    /// Letters of one session. The newest is never pushed out.
    pub letters: usize,
    /// Bytes of the letters of one session, but for the newest.
    pub letter_bytes: usize,
}

impl Default for McpBounds {
    fn default() -> Self {
        Self {
            sessions_per_owner: 1_000,
            sessions: 10_000,
            bytes: 256 << 20,
            streams: 32,
            events: 256,
            event_bytes: 1 << 20,
            letters: 64,
            letter_bytes: 1 << 20,
        }
    }
}

/// Sessions, their streams and their letters, for all replicas.
///
/// A session belongs to its owner alone: for everybody else it is not there. Everything of it ends with it, or when nobody has
/// touched it for its time. Every call is one round trip, and bounded in time. Numbers begin at 1 and never come again.
#[async_trait]
pub trait McpSessions: Send + Sync + 'static {
    /// Keeps a new session for this long, in the place of one of that name.
    async fn open(
        &self,
        key: &McpSessionKey,
        owner: &str,
        state: Bytes,
        ttl: Duration,
    ) -> Result<McpOpened, PortError>;

    /// The session, if it is its owner's, whose time begins anew; nothing else renews it. Its streams and letters stay as long
    /// as it does.
    async fn touch(
        &self,
        key: &McpSessionKey,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<McpSession>, PortError>;

    /// Replaces what is known of a session, if nobody did since `revision`; whether it was.
    async fn change(&self, key: &McpSessionKey, revision: u64, state: Bytes) -> Result<bool, PortError>;

    /// Ends a session, if it is its owner's; whether there was one.
    async fn close(&self, key: &McpSessionKey, owner: &str) -> Result<bool, PortError>;

    /// Begins a stream that this process adds to, or goes on with one of that name. It is known as kept for as long as
    /// `lease`. `false`: there is no such session.
    async fn open_stream(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        lease: Duration,
    ) -> Result<bool, PortError>;

    /// Adds an event; its number. With `is_last` the stream is over. `None`: the stream is over already, or gone. It may have
    /// been added also where an error is told.
    async fn append(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        event: Bytes,
        is_last: bool,
    ) -> Result<Option<u64>, PortError>;

    /// What came after an event; at most so many. `None`: there is no such stream.
    async fn read(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        after: u64,
        limit: usize,
    ) -> Result<Option<McpPage>, PortError>;

    /// Says that this process still adds to these streams, for as long as `lease`.
    async fn keep(&self, streams: &[(McpSessionKey, McpStreamId)], lease: Duration) -> Result<(), PortError>;

    /// Leaves a letter for whichever process works for the session; `false`: there is no such session.
    async fn post(&self, key: &McpSessionKey, letter: Bytes) -> Result<bool, PortError>;

    /// The letters after a number, each with its own. They stay for others who work for the session.
    async fn letters(&self, key: &McpSessionKey, after: u64) -> Result<Vec<(u64, Bytes)>, PortError>;

    /// What happens from now on, in any process, without end: a nudge for each event, letter and end of a session by
    /// [`close`](Self::close), once it is there to be read. Sessions whose time is over end in silence.
    ///
    /// A listener may cost a connection: one for each process is meant.
    fn nudges(&self) -> BoxStream<'static, McpNudge>;
}
