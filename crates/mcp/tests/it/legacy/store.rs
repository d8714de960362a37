//! A store with moods.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use outcrop_embedded::MemoryMcpSessions;
use outcrop_ports::{
    McpNudge, McpOpened, McpPage, McpSession, McpSessionKey, McpSessions, McpStreamId, PortError,
};
use tokio::sync::broadcast;

/// Sessions in memory, and what is wrong with them.
#[derive(Clone)]
pub(super) struct Moody(Arc<Inner>);

pub(super) struct Inner {
    sessions: MemoryMcpSessions,
    /// Nothing can be had.
    pub(super) is_away: AtomicBool,
    /// Leases are not renewed.
    pub(super) keeps_nothing: AtomicBool,
    /// So many events are not taken.
    pub(super) refuses: AtomicU64,
    /// How long an event takes, milliseconds.
    pub(super) takes_ms: AtomicU64,
    /// How often leases were renewed.
    pub(super) kept: AtomicU64,
    missed: broadcast::Sender<()>,
}

impl Default for Moody {
    fn default() -> Self {
        Self(Arc::new(Inner {
            sessions: MemoryMcpSessions::default(),
            is_away: AtomicBool::default(),
            keeps_nothing: AtomicBool::default(),
            refuses: AtomicU64::default(),
            takes_ms: AtomicU64::default(),
            kept: AtomicU64::default(),
            missed: broadcast::Sender::new(16),
        }))
    }
}

impl std::ops::Deref for Moody {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Moody {
    /// One that cannot be reached.
    pub(super) fn away() -> Self {
        let this = Self::default();
        this.is_away.store(true, Ordering::SeqCst);
        this
    }

    /// Tells everybody that they may have missed something.
    pub(super) fn miss(&self) {
        self.missed.send(()).unwrap();
    }

    fn there(&self) -> Result<&MemoryMcpSessions, PortError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(PortError::unavailable("reach the sessions", "it is away")),
            false => Ok(&self.sessions),
        }
    }
}

#[async_trait]
impl McpSessions for Moody {
    async fn open(
        &self,
        key: &McpSessionKey,
        owner: &str,
        state: Bytes,
        ttl: Duration,
    ) -> Result<McpOpened, PortError> {
        self.there()?.open(key, owner, state, ttl).await
    }

    async fn touch(
        &self,
        key: &McpSessionKey,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<McpSession>, PortError> {
        self.there()?.touch(key, owner, ttl).await
    }

    async fn change(&self, key: &McpSessionKey, revision: u64, state: Bytes) -> Result<bool, PortError> {
        self.there()?.change(key, revision, state).await
    }

    async fn close(&self, key: &McpSessionKey, owner: &str) -> Result<bool, PortError> {
        self.there()?.close(key, owner).await
    }

    async fn open_stream(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        lease: Duration,
    ) -> Result<bool, PortError> {
        self.there()?.open_stream(key, stream, lease).await
    }

    async fn append(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        event: Bytes,
        is_last: bool,
    ) -> Result<Option<u64>, PortError> {
        let refuses = self.refuses.load(Ordering::SeqCst);
        // Not what a stream begins with.
        if refuses > 0 && !event.ends_with(b"\n") {
            self.refuses.store(refuses - 1, Ordering::SeqCst);
            return Err(PortError::unavailable("keep an event", "it is busy"));
        }
        tokio::time::sleep(Duration::from_millis(self.takes_ms.load(Ordering::SeqCst))).await;
        self.there()?.append(key, stream, event, is_last).await
    }

    async fn read(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        after: u64,
        limit: usize,
    ) -> Result<Option<McpPage>, PortError> {
        self.there()?.read(key, stream, after, limit).await
    }

    async fn keep(&self, streams: &[(McpSessionKey, McpStreamId)], lease: Duration) -> Result<(), PortError> {
        if self.keeps_nothing.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("keep streams", "it is busy"));
        }
        self.kept.fetch_add(1, Ordering::SeqCst);
        self.there()?.keep(streams, lease).await
    }

    async fn post(&self, key: &McpSessionKey, letter: Bytes) -> Result<bool, PortError> {
        self.there()?.post(key, letter).await
    }

    async fn letters(&self, key: &McpSessionKey, after: u64) -> Result<Vec<(u64, Bytes)>, PortError> {
        self.there()?.letters(key, after).await
    }

    fn nudges(&self) -> BoxStream<'static, McpNudge> {
        let missed = futures::stream::unfold(self.missed.subscribe(), |mut missed| async {
            match missed.recv().await {
                Ok(()) => Some((McpNudge::Missed, missed)),
                Err(_) => std::future::pending().await,
            }
        });
        futures::stream::select(self.sessions.nudges(), missed).boxed()
    }
}
