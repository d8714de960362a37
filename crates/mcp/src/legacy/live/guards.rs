//! What is held of a session here, until it is dropped.

use std::collections::HashMap;
use std::sync::Arc;

use outcrop_ports::McpStreamId;
use outcrop_wire::mcp::{Answer, MessageId};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Held, Presence, lock};
use crate::operation::Listening;

/// A request that runs here, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Running {
    pub(super) presence: Arc<Presence>,
    pub(super) id: MessageId,
    /// Cancelled when the client calls it off.
    pub cancelled: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.presence.here).running.remove(&self.id);
    }
}

/// Something that was asked, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Asked {
    pub(super) presence: Arc<Presence>,
    pub(super) id: MessageId,
    pub(super) answer: oneshot::Receiver<Answer>,
}

impl Asked {
    /// Its id.
    pub(in super::super) const fn id(&self) -> &MessageId {
        &self.id
    }

    /// The answer, when it is there.
    pub(in super::super) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.presence.here).asks.remove(&self.id);
    }
}

/// A stream that this process adds to, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Kept {
    pub(super) presence: Arc<Presence>,
    /// Its name.
    pub stream: McpStreamId,
    /// Cancelled when its client has come back on another connection.
    pub followed: CancellationToken,
    pub(super) by: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let_go(&mut lock(&self.presence.here).streams, self.stream, self.by);
    }
}

/// A stream that is taken up again here, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Followed {
    pub(super) presence: Arc<Presence>,
    pub(super) stream: McpStreamId,
    /// Cancelled when its client has come back on yet another connection.
    pub taken: CancellationToken,
    pub(super) by: u64,
}

impl Drop for Followed {
    fn drop(&mut self) {
        let_go(&mut lock(&self.presence.here).followers, self.stream, self.by);
    }
}

/// A place among those who are told of news, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Place {
    pub(super) presence: Arc<Presence>,
    pub(super) by: u64,
    pub(super) _listening: Listening,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.presence.here).listeners.remove(&self.by);
    }
}

/// Reads the letters of a session. However it leaves, another may begin.
#[derive(Debug)]
pub(in super::super) struct Reading {
    pub(super) presence: Arc<Presence>,
    pub(super) is_over: bool,
}

impl Reading {
    /// Whether it may leave, since nothing runs any more.
    pub(in super::super) fn may_leave(&mut self) -> bool {
        let mut here = lock(&self.presence.here);
        here.has_reader = !here.running.is_empty();
        self.is_over = !here.has_reader;
        self.is_over
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Once it may leave, another may have begun already.
        if !self.is_over {
            lock(&self.presence.here).has_reader = false;
        }
    }
}

/// Lets a stream go, if nobody else has it now.
fn let_go(held: &mut HashMap<McpStreamId, Held>, stream: McpStreamId, by: u64) {
    if held.get(&stream).is_some_and(|it| it.by == by) {
        held.remove(&stream);
    }
}
