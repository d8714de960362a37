//! What this process does for sessions: what runs, what was asked, what is listened to. Nothing of it outlives whoever holds it.

mod guards;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use outcrop_ports::{McpNudge, McpSessionKey, McpStreamId};
use outcrop_wire::mcp::{Answer, MessageId};
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::operation::Listening;
pub(super) use guards::{Asked, Followed, Kept, Place, Reading, Running};

/// Requests of one session that run here at once. Each may become a stream, and the store keeps so many of a session for all
/// replicas together (`McpBounds::streams`): this leaves room for those on which it listens. A client that has more open over
/// several replicas loses none of the answers on its connections; what it can come back to is then the newest.
const MAX_RUNNING: usize = 24;
/// Streams of one session that are taken up again here at once.
const MAX_FOLLOWERS: usize = 32;

type Sessions = Mutex<HashMap<McpSessionKey, Weak<Presence>>>;

/// What this process does for sessions.
#[derive(Debug, Default)]
pub(crate) struct Live {
    sessions: Arc<Sessions>,
    /// Told when it may be that nothing was heard of others, nor they of this process.
    pub(super) missed: Notify,
    /// Cancelled when requests that still run must end now.
    pub(super) cut: CancellationToken,
}

/// A session for which something is done here.
#[derive(Debug)]
pub(super) struct Presence {
    /// Its name in the store.
    pub key: McpSessionKey,
    /// Whose it is.
    pub owner: String,
    home: Arc<Sessions>,
    /// Something happened in it, here or elsewhere.
    news: watch::Sender<()>,
    here: Mutex<Here>,
}

#[derive(Debug, Default)]
struct Here {
    running: HashMap<MessageId, Begun>,
    asks: HashMap<MessageId, oneshot::Sender<Answer>>,
    /// Streams that this process adds to; cancelled when a client comes back for one, so that it has one connection only.
    streams: HashMap<McpStreamId, Held>,
    /// Streams that are taken up again here; cancelled for the same reason.
    followers: HashMap<McpStreamId, Held>,
    /// The places of those who are told of news.
    listeners: HashSet<u64>,
    /// Counts whoever holds a stream.
    holders: u64,
    /// Whether an event found no stream any more, be it that the session has ended.
    is_doubtful: bool,
    /// Whether somebody reads its letters, and the last that was read.
    has_reader: bool,
    last_letter: u64,
}

/// A request that runs.
#[derive(Debug)]
struct Begun {
    cancelled: CancellationToken,
    /// The last letter that was there before. What that calls off was another request of the same id.
    letters: u64,
}

/// A stream in somebody's hands.
#[derive(Debug)]
struct Held {
    /// Whose: there may be another already when they leave.
    by: u64,
    taken: CancellationToken,
    /// The place that they have because of it.
    place: Option<u64>,
}

/// Why a request is not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotBegun {
    /// One of the same id is still open.
    SameId,
    /// Too many are.
    TooMany,
}

impl Live {
    /// The presence of a session here.
    pub(super) fn session(&self, key: McpSessionKey, owner: &str) -> Arc<Presence> {
        let mut sessions = lock(&self.sessions);
        if let Some(presence) = sessions.get(&key).and_then(Weak::upgrade) {
            return presence;
        }
        let presence = Arc::new(Presence {
            key,
            owner: owner.to_owned(),
            home: Arc::clone(&self.sessions),
            news: watch::Sender::new(()),
            here: Mutex::default(),
        });
        sessions.insert(key, Arc::downgrade(&presence));
        presence
    }

    /// The same, if something is done for it.
    pub(super) fn present(&self, key: &McpSessionKey) -> Option<Arc<Presence>> {
        lock(&self.sessions).get(key).and_then(Weak::upgrade)
    }

    /// Wakes whoever waits for what happened.
    pub(super) fn wake(&self, nudge: McpNudge) {
        let all: Vec<_> = match nudge {
            McpNudge::Session(key) => self.present(&key).into_iter().collect(),
            // Not upgraded under the lock, which their end takes too.
            McpNudge::Missed => {
                self.missed.notify_one();
                let all: Vec<_> = lock(&self.sessions).values().cloned().collect();
                all.into_iter().filter_map(|it| it.upgrade()).collect()
            }
        };
        all.iter().for_each(|it| it.wake());
    }

    /// A session has ended: so does what is done for it.
    pub(super) fn end(&self, key: &McpSessionKey) {
        if let Some(presence) = self.present(key) {
            presence.end();
        }
    }

    /// The streams that this process adds to.
    pub(super) fn streams(&self) -> Vec<(McpSessionKey, McpStreamId)> {
        let all: Vec<_> = lock(&self.sessions).values().cloned().collect();
        let all = all.into_iter().filter_map(|it| it.upgrade());
        all.flat_map(|it| lock(&it.here).streams.keys().map(|stream| (it.key, *stream)).collect::<Vec<_>>())
            .collect()
    }
}

impl Presence {
    /// Says that something happened.
    pub(super) fn wake(&self) {
        self.news.send_replace(());
    }

    /// What tells that something happened.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Calls off everything that runs.
    pub(super) fn end(&self) {
        lock(&self.here).running.values().for_each(|it| it.cancelled.cancel());
        self.wake();
    }

    /// A request that runs here from now on. The letters up to this one have nothing to do with it.
    pub(super) fn begin(self: &Arc<Self>, id: &MessageId, letters: u64) -> Result<Running, NotBegun> {
        let mut here = lock(&self.here);
        if here.running.contains_key(id) {
            return Err(NotBegun::SameId);
        }
        if here.running.len() >= MAX_RUNNING {
            return Err(NotBegun::TooMany);
        }
        if here.running.is_empty() {
            here.last_letter = here.last_letter.max(letters);
        }
        let cancelled = CancellationToken::new();
        here.running.insert(id.clone(), Begun { cancelled: cancelled.clone(), letters });
        Ok(Running { presence: Arc::clone(self), id: id.clone(), cancelled })
    }

    /// Calls a request off, if it runs here.
    pub(super) fn cancel(&self, id: &MessageId) {
        self.cancel_by(id, u64::MAX);
    }

    /// The same by a letter.
    pub(super) fn cancel_by(&self, id: &MessageId, letter: u64) {
        let here = lock(&self.here);
        if let Some(begun) = here.running.get(id).filter(|it| letter > it.letters) {
            begun.cancelled.cancel();
        }
    }

    /// Something that was asked of the client here.
    pub(super) fn ask(self: &Arc<Self>, id: MessageId) -> Asked {
        let (tell, answer) = oneshot::channel();
        lock(&self.here).asks.insert(id.clone(), tell);
        Asked { presence: Arc::clone(self), id, answer }
    }

    /// Hands an answer over; gives it back if it was not asked for here.
    pub(super) fn answer(&self, answer: Answer) -> Option<Answer> {
        let Some(tell) = lock(&self.here).asks.remove(&answer.id) else { return Some(answer) };
        // Whoever asked may have gone in this very moment: then nobody wants it.
        drop(tell.send(answer));
        None
    }

    /// A stream that this process adds to from now on.
    pub(super) fn keep(self: &Arc<Self>, stream: McpStreamId) -> Kept {
        self.keep_at(stream, None)
    }

    /// The same, for somebody who is told of news.
    pub(super) fn keep_at(self: &Arc<Self>, stream: McpStreamId, place: Option<&Place>) -> Kept {
        let mut here = lock(&self.here);
        let (by, held) = here.hold(place.map(|it| it.by));
        let followed = held.taken.clone();
        here.streams.insert(stream, held);
        Kept { presence: Arc::clone(self), stream, followed, by }
    }

    /// Whether this process adds to a stream.
    pub(super) fn keeps(&self, stream: McpStreamId) -> bool {
        lock(&self.here).streams.contains_key(&stream)
    }

    /// Closes the connection on which a stream is sent here: its client has come back on another.
    pub(super) fn take_over(&self, stream: McpStreamId) {
        if let Some(held) = lock(&self.here).streams.get(&stream) {
            held.taken.cancel();
        }
    }

    /// Says that the session may have ended elsewhere: whoever reads its letters finds out.
    pub(super) fn doubt(&self) {
        lock(&self.here).is_doubtful = true;
        self.wake();
    }

    /// Whether that was said since it was asked last.
    pub(super) fn was_doubted(&self) -> bool {
        std::mem::take(&mut lock(&self.here).is_doubtful)
    }

    /// A place among those who are told of news, if there is one. Who comes back for a stream takes the place of the connection
    /// that has it, which may be dead for long before this process finds that out.
    pub(super) fn listen(self: &Arc<Self>, most: usize, again: Option<McpStreamId>) -> Option<Place> {
        let mut here = lock(&self.here);
        let former = again.and_then(|it| here.streams.get(&it));
        if let Some(place) = former.and_then(|held| (!held.taken.is_cancelled()).then_some(held.place)?) {
            former.inspect(|held| held.taken.cancel());
            here.listeners.remove(&place);
        }
        if here.listeners.len() >= most {
            return None;
        }
        here.holders += 1;
        let by = here.holders;
        here.listeners.insert(by);
        Some(Place { presence: Arc::clone(self), by, _listening: Listening::begin() })
    }

    /// A place among those who take a stream up again. Who has the stream now loses it: a client has one connection for each, and
    /// this is its newest. At another replica it stays until that finds out that nobody listens.
    pub(super) fn follow(self: &Arc<Self>, stream: McpStreamId) -> Option<Followed> {
        let mut here = lock(&self.here);
        if here.followers.len() >= MAX_FOLLOWERS && !here.followers.contains_key(&stream) {
            return None;
        }
        let (by, held) = here.hold(None);
        let taken = held.taken.clone();
        if let Some(former) = here.followers.insert(stream, held) {
            former.taken.cancel();
        }
        Some(Followed { presence: Arc::clone(self), stream, taken, by })
    }

    /// Whether the caller is to read the letters, since nobody does; and after which.
    pub(super) fn begin_reading(self: &Arc<Self>) -> Option<(Reading, u64)> {
        let mut here = lock(&self.here);
        if std::mem::replace(&mut here.has_reader, true) {
            return None;
        }
        Some((Reading { presence: Arc::clone(self), is_over: false }, here.last_letter))
    }

    /// A letter was read.
    pub(super) fn has_read(&self, letter: u64) {
        let mut here = lock(&self.here);
        here.last_letter = here.last_letter.max(letter);
    }
}

impl Here {
    fn hold(&mut self, place: Option<u64>) -> (u64, Held) {
        self.holders += 1;
        (self.holders, Held { by: self.holders, taken: CancellationToken::new(), place })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut sessions = lock(&self.home);
        // Another may have come in its place already.
        if sessions.get(&self.key).is_some_and(|it| it.strong_count() == 0) {
            sessions.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
