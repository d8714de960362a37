//! The [`McpSessions`] port in the memory of one process.

mod numbered;
mod session;
mod shelf;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use outcrop_ports::{
    McpBounds, McpNudge, McpOpened, McpPage, McpSession, McpSessionKey, McpSessions, McpStreamId, PortError,
};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use shelf::Shelf;

/// Nudges kept for a listener that is behind; whoever is behind by more has missed some.
const BACKLOG: usize = 1_024;

/// What is kept longer than this is kept for so long: about ten years.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Sessions in memory, for those who share this value.
///
/// Nothing is kept that is over: whoever asks for anything clears away what has expired by then.
pub struct MemoryMcpSessions {
    shelf: Mutex<Shelf>,
    nudges: broadcast::Sender<McpNudge>,
}

impl MemoryMcpSessions {
    /// Keeps as much as this.
    #[must_use]
    pub fn new(bounds: McpBounds) -> Self {
        Self { shelf: Mutex::new(Shelf::new(bounds)), nudges: broadcast::Sender::new(BACKLOG) }
    }

    /// What is kept now, and the time. Held for some microseconds, never over an await.
    fn shelf(&self) -> (MutexGuard<'_, Shelf>, Instant) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        shelf.clear_away(now);
        (shelf, now)
    }

    fn nudge(&self, key: &McpSessionKey) {
        // An error means only that nobody listens.
        let _ = self.nudges.send(McpNudge::Session(*key));
    }
}

impl Default for MemoryMcpSessions {
    fn default() -> Self {
        Self::new(McpBounds::default())
    }
}

// What clients said is nobody else's.
impl fmt::Debug for MemoryMcpSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMcpSessions").finish_non_exhaustive()
    }
}

#[async_trait]
impl McpSessions for MemoryMcpSessions {
    async fn open(
        &self,
        key: &McpSessionKey,
        owner: &str,
        state: Bytes,
        ttl: Duration,
    ) -> Result<McpOpened, PortError> {
        let state = own(&state);
        let (mut shelf, now) = self.shelf();
        Ok(if shelf.open(*key, owner, state, after(now, ttl)) { McpOpened::Yes } else { McpOpened::TooMany })
    }

    async fn touch(
        &self,
        key: &McpSessionKey,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<McpSession>, PortError> {
        let (mut shelf, now) = self.shelf();
        Ok(shelf.touch(key, owner, after(now, ttl)))
    }

    async fn change(&self, key: &McpSessionKey, revision: u64, state: Bytes) -> Result<bool, PortError> {
        let state = own(&state);
        let (mut shelf, _) = self.shelf();
        let changed = shelf.alter(key, |session, _| session.change(revision, state));
        Ok(changed.unwrap_or(false))
    }

    async fn close(&self, key: &McpSessionKey, owner: &str) -> Result<bool, PortError> {
        let closed = self.shelf().0.close(key, owner);
        if closed {
            self.nudge(key);
        }
        Ok(closed)
    }

    async fn open_stream(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        lease: Duration,
    ) -> Result<bool, PortError> {
        let (mut shelf, now) = self.shelf();
        let lease = (now, after(now, lease));
        let opened = shelf.alter(key, |session, bounds| session.open_stream(stream, lease, bounds));
        Ok(opened.is_some())
    }

    async fn append(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        event: Bytes,
        is_last: bool,
    ) -> Result<Option<u64>, PortError> {
        let event = own(&event);
        let append = self.shelf().0.alter(key, |it, bounds| it.append(stream, event, is_last, bounds));
        let number = append.flatten();
        if number.is_some() {
            self.nudge(key);
        }
        Ok(number)
    }

    async fn read(
        &self,
        key: &McpSessionKey,
        stream: McpStreamId,
        after: u64,
        limit: usize,
    ) -> Result<Option<McpPage>, PortError> {
        let (mut shelf, now) = self.shelf();
        Ok(shelf.alter(key, |session, _| session.read(stream, after, limit, now)).flatten())
    }

    async fn keep(&self, streams: &[(McpSessionKey, McpStreamId)], lease: Duration) -> Result<(), PortError> {
        let (mut shelf, now) = self.shelf();
        let kept_until = after(now, lease);
        for (key, stream) in streams {
            shelf.alter(key, |session, _| session.keep(*stream, kept_until));
        }
        Ok(())
    }

    async fn post(&self, key: &McpSessionKey, letter: Bytes) -> Result<bool, PortError> {
        let letter = own(&letter);
        let posted = self.shelf().0.alter(key, |session, bounds| session.post(letter, bounds)).is_some();
        if posted {
            self.nudge(key);
        }
        Ok(posted)
    }

    async fn letters(&self, key: &McpSessionKey, after: u64) -> Result<Vec<(u64, Bytes)>, PortError> {
        let found = self.shelf().0.alter(key, |session, _| session.letters(after));
        Ok(found.unwrap_or_default())
    }

    fn nudges(&self) -> BoxStream<'static, McpNudge> {
        stream::unfold(self.nudges.subscribe(), |mut receiver| async {
            let nudge = match receiver.recv().await {
                Ok(nudge) => nudge,
                Err(RecvError::Lagged(_)) => McpNudge::Missed,
                Err(RecvError::Closed) => std::future::pending().await,
            };
            Some((nudge, receiver))
        })
        .boxed()
    }
}

/// A copy: a piece of a larger buffer would keep all of that in memory.
fn own(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn after(now: Instant, time: Duration) -> Instant {
    now + time.min(LONGEST)
}

#[cfg(test)]
mod tests;
