//! The rest of a stream whose connection was cut, whichever replica adds to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::McpPage;
use outcrop_wire::mcp::{MessageId, Version, error_message};
use tokio::sync::watch;
use tokio::time::Instant;

use super::event::{About, Event, EventId, frame, retry};
use super::live::{Followed, Presence};
use super::request::{HEARTBEAT, heartbeat, lost};
use crate::server::Inner;

/// Events that are read at once.
const PAGE: usize = 64;
/// How long a reader waits for a sign before it looks all the same.
const LOOK: Duration = Duration::from_secs(1);
/// How much longer than between two of its signs a process must be silent before a reader takes it for dead.
const GRACE: Duration = Duration::from_secs(1);
/// When a client is to come back whose connection ends before its stream does.
pub(super) const COME_BACK: Duration = Duration::from_millis(500);

/// Reads what is kept of a stream, and goes on until it is over. Whoever drops it leaves nothing behind.
pub(super) struct Follower {
    server: Arc<Inner>,
    presence: Arc<Presence>,
    place: Followed,
    signs: watch::Receiver<()>,
    last: EventId,
    version: Version,
    pieces: VecDeque<Bytes>,
    is_over: bool,
    heard_at: Instant,
    /// Since when nobody is known to add to the stream, without a break.
    left_at: Option<Instant>,
}

impl Follower {
    /// Goes on after an event.
    pub(super) fn new(
        server: &Arc<Inner>,
        presence: Arc<Presence>,
        place: Followed,
        last: EventId,
        version: Version,
    ) -> Self {
        Self {
            server: Arc::clone(server),
            signs: presence.news(),
            presence,
            place,
            last,
            version,
            pieces: VecDeque::new(),
            is_over: false,
            heard_at: Instant::now(),
            left_at: None,
        }
    }

    /// What is to be sent next; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            // The client has come back on another connection, where it is told the rest.
            if self.place.taken.is_cancelled() {
                return None;
            }
            if let Some(piece) = self.pieces.pop_front() {
                self.heard_at = Instant::now();
                return Some(piece);
            }
            if self.is_over {
                return None;
            }
            self.signs.mark_unchanged();
            if self.look().await {
                continue;
            }
            if self.heard_at.elapsed() >= HEARTBEAT {
                self.pieces.push_back(heartbeat());
                continue;
            }
            let (server, taken, signs) = (&self.server, &self.place.taken, &mut self.signs);
            tokio::select! {
                biased;
                () = taken.cancelled() => return None,
                // Another replica goes on with it.
                () = server.stopping.cancelled() => {
                    self.is_over = true;
                    return Some(retry(COME_BACK));
                }
                _ = tokio::time::timeout(LOOK, signs.changed()) => {}
            }
        }
    }

    /// Reads what is new; whether there was anything.
    async fn look(&mut self) -> bool {
        let EventId { stream, number } = self.last;
        let page = match self.server.ports.sessions.read(&self.presence.key, stream, number, PAGE).await {
            Ok(Some(page)) => page,
            // The session has ended.
            Ok(None) => {
                self.is_over = true;
                return true;
            }
            Err(error) => {
                tracing::debug!(error = error.chain(), "an MCP stream cannot be read for now");
                self.left_at = None;
                return false;
            }
        };
        let McpPage { events, is_over, is_kept } = page;
        let found = !events.is_empty();
        if found || is_kept {
            self.left_at = None;
        }
        for (number, kept) in events {
            self.last.number = number;
            self.take(&kept);
        }
        self.is_over = is_over;
        match !found && !is_over && !is_kept && self.is_left() {
            true => self.bury().await,
            false => found || is_over,
        }
    }

    /// Whether who added to the stream has had time enough to say that it still does. While the store was away it could not, and
    /// its lease ran out all the same.
    fn is_left(&mut self) -> bool {
        if self.presence.keeps(self.last.stream) {
            return false;
        }
        let left_at = *self.left_at.get_or_insert_with(Instant::now);
        left_at.elapsed() > super::keep::between_signs(self.server.options.lease) + GRACE
    }

    fn take(&mut self, kept: &Bytes) {
        let Some(event) = Event::read(kept) else {
            tracing::error!("what is kept of an MCP stream cannot be read");
            return;
        };
        if !event.message.is_empty() || self.version >= Version::V2025_11_25 {
            self.pieces.push_back(frame(Some(self.last), &event.message));
        }
    }

    /// Ends the stream in place of the process that did not live to do it; whether there is something to be read again.
    async fn bury(&self) -> bool {
        let (sessions, stream) = (&self.server.ports.sessions, self.last.stream);
        let Ok(Some(page)) = sessions.read(&self.presence.key, stream, 0, 1).await else { return false };
        let Some(event) = page.events.into_iter().next().and_then(|(_, kept)| Event::read(&kept)) else {
            return false;
        };
        let message = last_words(&event.about);
        let last = Event { about: event.about, message };
        // Whoever comes first is heard: another reader, or the process itself, which was only slow.
        sessions.append(&self.presence.key, stream, last.write(), true).await.is_ok()
    }
}

/// The answer in place of the one that will never come.
fn last_words(about: &About) -> Bytes {
    let words = |id: &MessageId| error_message(Some(id), &lost());
    match about {
        About::Answers(id) => words(id),
        About::AnswersAll(ids) => super::request::array(&ids.iter().map(words).collect::<Vec<_>>()),
        About::News(_) => Bytes::new(),
    }
}
