//! What is said to a client while one body is answered: one JSON message, or a stream that can be come back to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::McpStreamId;
use outcrop_wire::mcp::Version;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::event::{About, Event, EventId, frame, retry};
use super::live::{Kept, Presence};
use crate::server::Inner;

/// Pieces that wait for a slow connection.
const BUFFER: usize = 16;
/// How long a slow connection holds up what is said. After that it is closed: its client comes back for the rest.
const STALL: Duration = Duration::from_secs(5);
/// Pauses between the tries to keep what must not be lost.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_millis(2_000)];

/// What a connection is given.
#[derive(Debug)]
pub(super) enum Out {
    /// The answer, which is all there is.
    Whole(Bytes),
    /// The answer is a stream; cancelled when its client has come back on another connection.
    Opened(CancellationToken),
    /// Part of the stream.
    Piece(Bytes),
}

/// How much depends on it that something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It is one of many.
    Light,
    /// Somebody waits for what is said to it. It is tried again, at the risk that the client is asked twice.
    Ask,
    /// It is the last, which is kept once, however often it is tried.
    Answer,
}

/// The store did not take an event; it may the next time.
struct Unkept;

/// Says what is to be said, in order.
pub(super) struct Speaker {
    server: Arc<Inner>,
    presence: Arc<Presence>,
    about: About,
    version: Version,
    line: Mutex<Line>,
}

struct Line {
    /// To the connection, while there is one.
    out: Option<mpsc::Sender<Out>>,
    is_stream: bool,
    /// Where what is said is kept. Nothing, if the store was away or has let it go.
    kept: Option<Kept>,
}

impl Speaker {
    /// Speaks to whoever holds the other end.
    pub(super) fn new(
        server: &Arc<Inner>,
        presence: &Arc<Presence>,
        version: Version,
        about: About,
    ) -> (Arc<Self>, mpsc::Receiver<Out>) {
        let (out, connection) = mpsc::channel(BUFFER);
        let line = Mutex::new(Line { out: Some(out), is_stream: false, kept: None });
        let (server, presence) = (Arc::clone(server), Arc::clone(presence));
        (Arc::new(Self { server, presence, about, version, line }), connection)
    }

    /// Makes a stream of the answer, if it is none yet.
    pub(super) async fn begin(&self) {
        let mut line = self.line.lock().await;
        self.begin_on(&mut line).await;
    }

    /// Says something that belongs to the answer.
    pub(super) async fn say(&self, message: Bytes) {
        let mut line = self.line.lock().await;
        self.begin_on(&mut line).await;
        self.add(&mut line, message, Weight::Light).await;
    }

    /// Asks something that belongs to the answer; whether anybody can hear it, now or later.
    pub(super) async fn ask(&self, question: Bytes) -> bool {
        let mut line = self.line.lock().await;
        self.begin_on(&mut line).await;
        let is_kept = self.add(&mut line, question, Weight::Ask).await;
        is_kept || line.out.is_some()
    }

    /// Says the answer, which is the last thing.
    pub(super) async fn finish(&self, answer: Bytes) {
        let mut line = self.line.lock().await;
        if line.is_stream {
            self.add(&mut line, answer, Weight::Answer).await;
        } else {
            line.send(Out::Whole(answer)).await;
        }
        (line.out, line.kept) = (None, None);
    }

    /// Closes the connection, if its client knows how to come back.
    pub(super) async fn let_go(&self, after: Duration) {
        if self.version < Version::V2025_11_25 {
            return;
        }
        let mut line = self.line.lock().await;
        self.begin_on(&mut line).await;
        if line.kept.is_some() {
            line.send(Out::Piece(retry(after))).await;
            line.out = None;
        }
    }

    async fn begin_on(&self, line: &mut Line) {
        if std::mem::replace(&mut line.is_stream, true) {
            return;
        }
        line.kept = self.open().await;
        let followed = line.kept.as_ref().map(|it| it.followed.clone()).unwrap_or_default();
        line.send(Out::Opened(followed)).await;
        // What a client can come back with before anything has been said. Before 2025-11-25 it would take it for a message.
        let first = Event { about: self.about.clone(), message: Bytes::new() };
        if let Ok(Some(id)) = self.append(line, &first, false).await
            && self.version >= Version::V2025_11_25
        {
            line.send(Out::Piece(frame(Some(id), b""))).await;
        }
        super::mail::read_letters(&self.server, &self.presence);
    }

    /// A stream in the store. Without one the answer reaches this connection or nobody.
    async fn open(&self) -> Option<Kept> {
        let stream = McpStreamId(self.server.ports.ids.uuid());
        let lease = self.server.options.lease;
        match self.server.ports.sessions.open_stream(&self.presence.key, stream, lease).await {
            Ok(true) => Some(self.presence.keep(stream)),
            Ok(false) => {
                self.presence.end();
                None
            }
            Err(error) => {
                tracing::warn!(error = error.chain(), "an answer cannot be come back to: it is not kept");
                None
            }
        }
    }

    /// Keeps it, and says it to the connection; whether it is kept. Who is connected does not wait for a store that is away.
    async fn add(&self, line: &mut Line, message: Bytes, weight: Weight) -> bool {
        let event = Event { about: self.about.clone(), message };
        let mut pauses = PAUSES.iter().filter(|_| weight > Weight::Light);
        let mut is_said = false;
        loop {
            let kept = self.append(line, &event, weight == Weight::Answer).await;
            if !std::mem::replace(&mut is_said, true) {
                let id = kept.as_ref().ok().copied().flatten();
                line.send(Out::Piece(frame(id, &event.message))).await;
                if weight == Weight::Answer {
                    line.out = None;
                }
            }
            match kept {
                Ok(id) => return id.is_some(),
                Err(Unkept) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return false,
                },
            }
        }
    }

    /// Keeps an event; its id, if there is still a stream to keep it in.
    async fn append(&self, line: &mut Line, event: &Event, is_last: bool) -> Result<Option<EventId>, Unkept> {
        let Some(stream) = line.kept.as_ref().map(|it| it.stream) else { return Ok(None) };
        let sessions = &self.server.ports.sessions;
        match sessions.append(&self.presence.key, stream, event.write(), is_last).await {
            Ok(Some(number)) => {
                self.presence.wake();
                Ok(Some(EventId { stream, number }))
            }
            // Somebody took this process for dead, or there were too many streams, or the session has ended.
            Ok(None) => {
                line.kept = None;
                self.presence.doubt();
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(error = error.chain(), "an event for an MCP client is not kept");
                Err(Unkept)
            }
        }
    }
}

impl Line {
    async fn send(&mut self, out: Out) {
        let Some(connection) = &self.out else { return };
        if connection.send_timeout(out, STALL).await.is_err() {
            self.out = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_nothing_is_given_up() {
        let (out, connection) = mpsc::channel(BUFFER);
        let mut line = Line { out: Some(out), is_stream: true, kept: None };
        let started = tokio::time::Instant::now();
        for _ in 0..BUFFER {
            line.send(Out::Piece(Bytes::new())).await;
        }
        assert!(line.out.is_some() && started.elapsed() < STALL);
        line.send(Out::Piece(Bytes::new())).await;
        assert!(line.out.is_none() && started.elapsed() >= STALL);
        assert_eq!(connection.len(), BUFFER, "what was said before may still be taken");
        line.send(Out::Piece(Bytes::new())).await;
        assert!(started.elapsed() < 2 * STALL, "nobody waits for it again");
    }
}
