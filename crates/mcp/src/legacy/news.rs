//! Streams for news: what changes of what a session is told of.
//!
//! Of the streams that a session has open, one is told: the one opened last (2025-11-25, "Multiple Connections"). The others wait
//! for their turn, which comes when nobody adds to that one any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::McpStreamId;
use outcrop_telemetry::trace::TraceContext;
use outcrop_wire::mcp::{RpcError, Version};
use tokio::time::Instant;

use super::event::{About, Event, EventId, frame, retry};
use super::follow::COME_BACK;
use super::live::{Kept, Place, Presence};
use super::request::{HEARTBEAT, heartbeat};
use super::session::{self, Session};
use super::store_error;
use super::watch::{Tags, changes};
use crate::Caller;
use crate::operation::apart;
use crate::server::Inner;

/// Between two looks at what is watched.
const LOOK: Duration = Duration::from_millis(1_500);
/// How long a client listens before it has to show again who it is.
const LISTEN: Duration = Duration::from_secs(600);
/// Events that are read at once: all that are kept of such a stream, as a rule.
const PAGE: usize = 256;

/// Tells news to one connection. Whoever drops it leaves nothing behind but what can be come back to.
pub(super) struct Listener {
    server: Arc<Inner>,
    presence: Arc<Presence>,
    place: Place,
    kept: Kept,
    caller: Caller,
    session: Session,
    tags: Tags,
    pieces: VecDeque<Bytes>,
    is_over: bool,
    heard_at: Instant,
    until: Instant,
}

impl Listener {
    /// Begins a stream, or goes on after an event of one.
    pub(super) async fn open(
        server: &Arc<Inner>,
        presence: Arc<Presence>,
        place: Place,
        caller: Caller,
        session: Session,
        last: Option<EventId>,
    ) -> Result<Self, RpcError> {
        let stream = match last {
            Some(last) => last.stream,
            None => begin(server, &session).await?,
        };
        presence.take_over(stream);
        let now = Instant::now();
        let mut this = Self {
            server: Arc::clone(server),
            kept: presence.keep_at(stream, Some(&place)),
            presence,
            place,
            caller,
            session,
            tags: Tags::new(),
            pieces: VecDeque::new(),
            is_over: false,
            heard_at: now,
            until: now + LISTEN,
        };
        match last {
            None => this.first().await?,
            Some(last) => this.catch_up(last).await?,
        }
        this.claim(None).await?;
        // From here on it listens, for as long as the client likes: that is no part of any trace.
        this.caller.context.trace = TraceContext::none();
        Ok(this)
    }

    /// What is to be sent next; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.heard_at = Instant::now();
                return Some(piece);
            }
            if self.is_over {
                return None;
            }
            let (server, kept) = (&self.server, &self.kept);
            tokio::select! {
                biased;
                // The client has come back for this stream on another connection.
                () = kept.followed.cancelled() => return None,
                () = server.stopping.cancelled() => self.leave(),
                () = tokio::time::sleep_until(self.until) => self.leave(),
                () = tokio::time::sleep(LOOK) => {
                    let caller = self.caller.clone();
                    apart(&caller, self.look()).await;
                }
            }
        }
    }

    fn leave(&mut self) {
        self.is_over = true;
        self.pieces.push_back(retry(COME_BACK));
    }

    /// Begins with what is known now.
    async fn first(&mut self) -> Result<(), RpcError> {
        (self.tags, _) = changes(&self.server, &self.caller, &self.session.state, &Tags::new()).await;
        self.prime().await
    }

    /// The first event, which a client can come back with that has been told nothing yet.
    async fn prime(&mut self) -> Result<(), RpcError> {
        let number = self.append(Bytes::new()).await?.ok_or_else(session::unknown)?;
        // Headers leave with the first bytes; before 2025-11-25 an event without a message would be taken for one.
        self.pieces.push_back(match self.session.state.version >= Version::V2025_11_25 {
            true => frame(Some(EventId { stream: self.kept.stream, number }), b""),
            false => heartbeat(),
        });
        Ok(())
    }

    /// Goes on in another stream: this one had to give way to others of its session.
    async fn renew(&mut self) -> Result<(), RpcError> {
        let stream = begin(&self.server, &self.session).await?;
        self.kept = self.presence.keep_at(stream, Some(&self.place));
        self.prime().await?;
        self.claim(None).await
    }

    /// What was told after the event that the client comes back with.
    async fn catch_up(&mut self, last: EventId) -> Result<(), RpcError> {
        self.pieces.push_back(heartbeat());
        let (sessions, mut after) = (&self.server.ports.sessions, last.number - 1);
        loop {
            let page = sessions.read(&self.session.key, last.stream, after, PAGE).await;
            let events = page.map_err(store_error)?.unwrap_or_default().events;
            let Some((newest, _)) = events.last() else { break };
            after = *newest;
            for (number, kept) in events {
                let Some(event) = Event::read(&kept) else { continue };
                if number > last.number && !event.message.is_empty() {
                    let id = EventId { stream: last.stream, number };
                    self.pieces.push_back(frame(Some(id), &event.message));
                }
                if let About::News(tags) = event.about {
                    self.tags = tags;
                }
            }
        }
        let lease = self.server.options.lease;
        sessions.keep(&[(self.session.key, last.stream)], lease).await.map_err(store_error)
    }

    /// Looks at what is watched, if it is this stream's turn to tell of it.
    async fn look(&mut self) {
        let (key, owner) = (self.session.key, self.session.owner.clone());
        match session::touch(&self.server, key, owner).await {
            Ok(session) => self.session = session,
            Err(error) if error.code == 404 => self.is_over = true,
            Err(_) => {}
        }
        if self.is_over || !self.is_mine().await {
            return self.rest();
        }
        let state = &self.session.state;
        let (now, told) = changes(&self.server, &self.caller, state, &self.tags).await;
        self.tags = now;
        for (tags, message) in told {
            let before = std::mem::replace(&mut self.tags, tags);
            if let Ok(Some(number)) = self.append(message.clone()).await {
                let id = EventId { stream: self.kept.stream, number };
                self.pieces.push_back(frame(Some(id), &message));
                continue;
            }
            // It is told when it can be kept. In a session that has ended, the next look finds that out.
            self.tags = before;
            drop(self.renew().await);
            break;
        }
        self.rest();
    }

    /// Shows a silent connection that it is still there.
    fn rest(&mut self) {
        if self.pieces.is_empty() && self.heard_at.elapsed() >= HEARTBEAT {
            self.pieces.push_back(heartbeat());
        }
    }

    /// Whether it is this stream's turn; takes the turn of one that nobody adds to any more.
    async fn is_mine(&mut self) -> bool {
        let teller = self.session.state.news;
        if teller == Some(self.kept.stream.0) {
            return true;
        }
        if let Some(teller) = teller {
            let sessions = &self.server.ports.sessions;
            let page = sessions.read(&self.session.key, McpStreamId(teller), u64::MAX, 1).await;
            if page.is_ok_and(|it| it.is_some_and(|it| it.is_kept && !it.is_over)) {
                return false;
            }
        }
        self.claim(Some(teller)).await.is_ok_and(|()| self.session.state.news == Some(self.kept.stream.0))
    }

    /// Takes the turn; with `from`, only if it is still that one's.
    async fn claim(&mut self, from: Option<Option<uuid::Uuid>>) -> Result<(), RpcError> {
        let mine = Some(self.kept.stream.0);
        let claim = |state: &mut session::State| {
            let free = state.news != mine && from.is_none_or(|from| from == state.news);
            if free {
                state.news = mine;
            }
            Ok(free)
        };
        self.session = self.session.clone().change(&self.server, claim).await?;
        Ok(())
    }

    async fn append(&self, message: Bytes) -> Result<Option<u64>, RpcError> {
        let event = Event { about: About::News(self.tags.clone()), message };
        let (sessions, key) = (&self.server.ports.sessions, &self.session.key);
        sessions.append(key, self.kept.stream, event.write(), false).await.map_err(store_error)
    }
}

/// A stream in the store.
async fn begin(server: &Inner, session: &Session) -> Result<McpStreamId, RpcError> {
    let stream = McpStreamId(server.ports.ids.uuid());
    let opened = server.ports.sessions.open_stream(&session.key, stream, server.options.lease).await;
    match opened.map_err(store_error)? {
        true => Ok(stream),
        false => Err(session::unknown()),
    }
}
