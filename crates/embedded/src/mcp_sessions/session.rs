//! One session with its streams and letters.

use std::sync::Arc;

use bytes::Bytes;
use outcrop_ports::{McpBounds, McpPage, McpSession, McpStreamId};
use tokio::time::Instant;

use super::numbered::Numbered;

/// About what a session takes in the tables that it is found by.
const UPKEEP_BYTES: usize = 512;

/// A session, which its owner alone sees.
pub(super) struct Session {
    pub(super) owner: Arc<str>,
    pub(super) until: Instant,
    /// When it was last used, in the order of all.
    pub(super) turn: u64,
    /// What it counted when that was last looked at.
    pub(super) weight: usize,
    state: Bytes,
    revision: u64,
    /// In the order in which they were opened. There are few.
    streams: Vec<Stream>,
    letters: Numbered,
}

struct Stream {
    id: McpStreamId,
    kept_until: Instant,
    is_over: bool,
    events: Numbered,
}

impl Stream {
    fn is_added_to(&self, now: Instant) -> bool {
        !self.is_over && self.kept_until > now
    }
}

impl Session {
    pub(super) fn new(owner: Arc<str>, state: Bytes, until: Instant) -> Self {
        let (streams, letters) = (Vec::new(), Numbered::default());
        Self { owner, until, turn: 0, weight: 0, state, revision: 1, streams, letters }
    }

    pub(super) fn told(&self) -> McpSession {
        McpSession { state: self.state.clone(), revision: self.revision, letters: self.letters.last() }
    }

    pub(super) fn change(&mut self, revision: u64, state: Bytes) -> bool {
        let is_last = self.revision == revision;
        if is_last {
            self.state = state;
            self.revision += 1;
        }
        is_last
    }

    /// Begins a stream, or keeps it longer if there is one of that name.
    pub(super) fn open_stream(
        &mut self,
        id: McpStreamId,
        (now, kept_until): (Instant, Instant),
        bounds: &McpBounds,
    ) {
        if self.stream(id).is_some() {
            return self.keep(id, kept_until);
        }
        while self.streams.len() >= bounds.streams.max(1) {
            let goes = self.streams.iter().position(|stream| !stream.is_added_to(now)).unwrap_or(0);
            self.streams.remove(goes);
        }
        self.streams.push(Stream { id, kept_until, is_over: false, events: Numbered::default() });
    }

    pub(super) fn append(
        &mut self,
        id: McpStreamId,
        event: Bytes,
        is_last: bool,
        bounds: &McpBounds,
    ) -> Option<u64> {
        let stream = self.stream(id).filter(|stream| !stream.is_over)?;
        stream.is_over = is_last;
        Some(stream.events.push(event, bounds.events, bounds.event_bytes))
    }

    pub(super) fn read(
        &mut self,
        id: McpStreamId,
        after: u64,
        limit: usize,
        now: Instant,
    ) -> Option<McpPage> {
        let stream = self.stream(id)?;
        let events = stream.events.after(after, limit);
        let reaches = events.last().map_or(after, |(number, _)| *number);
        Some(McpPage {
            events,
            is_over: stream.is_over && reaches >= stream.events.last(),
            is_kept: stream.is_over || stream.kept_until > now,
        })
    }

    pub(super) fn keep(&mut self, id: McpStreamId, kept_until: Instant) {
        if let Some(stream) = self.stream(id) {
            stream.kept_until = kept_until;
        }
    }

    pub(super) fn post(&mut self, letter: Bytes, bounds: &McpBounds) {
        self.letters.push(letter, bounds.letters, bounds.letter_bytes);
    }

    pub(super) fn letters(&self, after: u64) -> Vec<(u64, Bytes)> {
        self.letters.after(after, usize::MAX)
    }

    /// What all of it takes in memory.
    pub(super) fn weigh(&self) -> usize {
        let streams = self.streams.capacity() * size_of::<Stream>();
        let events = self.streams.iter().map(|stream| stream.events.weight()).sum::<usize>();
        UPKEEP_BYTES + self.owner.len() + self.state.len() + streams + events + self.letters.weight()
    }

    fn stream(&mut self, id: McpStreamId) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.id == id)
    }
}
