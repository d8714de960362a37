//! What a call has answered so far, and how far each follower has read.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use outcrop_ports::ModelError;

use super::{Shared, again};

/// Most bytes that are kept for those who may yet join; beyond that only for those who have.
const WHOLE_BYTES: usize = 1 << 20;

/// Most bytes that are kept for a follower that is behind. Where another one has read all, what is older goes; where none
/// has, nothing is added.
const BEHIND_BYTES: usize = 4 << 20;

/// The place of the one who has the call made.
pub(super) const FIRST: u64 = 1;

pub(super) struct Log<P> {
    pieces: VecDeque<P>,
    /// How many are gone from before these.
    gone: usize,
    bytes: usize,
    /// Whether it is whole and may be joined.
    open: bool,
    end: Option<Option<ModelError>>,
    seats: HashMap<u64, Seat>,
    next: u64,
    /// Whoever waits for room.
    writer: Option<Waker>,
}

/// A follower's place.
#[derive(Default)]
struct Seat {
    /// How many pieces it has read.
    read: usize,
    waker: Option<Waker>,
}

/// What a follower reads.
pub(super) enum Read<P> {
    Piece(P),
    /// Nothing yet.
    Nothing,
    End(Option<ModelError>),
    /// What it would read is gone.
    TooSlow,
}

impl<P> Default for Log<P> {
    fn default() -> Self {
        Self {
            pieces: VecDeque::new(),
            gone: 0,
            bytes: 0,
            open: true,
            end: None,
            seats: HashMap::new(),
            next: 0,
            writer: None,
        }
    }
}

impl<P> Log<P> {
    /// A place for whoever has the call made.
    pub(super) fn first(&mut self) -> u64 {
        self.next += 1;
        self.seats.insert(self.next, Seat::default());
        self.next
    }

    /// A place at the beginning, if that is still there.
    pub(super) fn join(&mut self) -> Option<u64> {
        self.open.then(|| self.first())
    }

    /// Leaves; whether that was the last one. Nobody joins then.
    pub(super) fn leave(&mut self, seat: u64) -> bool {
        self.seats.remove(&seat);
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        let last = self.seats.is_empty();
        self.open &= !last;
        last
    }

    /// Nobody joins from here on.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// Is woken at the next change.
    pub(super) fn wait(&mut self, seat: u64, waker: &Waker) {
        let Some(seat) = self.seats.get_mut(&seat) else { return };
        match &mut seat.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub(super) fn wake(&mut self) {
        self.seats.values_mut().filter_map(|seat| seat.waker.take()).for_each(Waker::wake);
    }

    /// Nothing more comes.
    pub(super) fn end(&mut self, error: Option<ModelError>) {
        if error.is_some() {
            self.open = false;
        }
        self.end.get_or_insert(error);
        self.wake();
    }

    /// The same where nothing was said of an end.
    pub(super) fn end_if_open(&mut self, error: impl FnOnce() -> ModelError) {
        if self.end.is_none() {
            self.end(Some(error()));
        }
    }

    fn written(&self) -> usize {
        self.gone + self.pieces.len()
    }
}

impl<P: Shared> Log<P> {
    pub(super) fn push(&mut self, piece: P) {
        self.bytes += piece.weight();
        self.pieces.push_back(piece);
        if self.bytes > WHOLE_BYTES {
            self.open = false;
        }
        self.trim();
        self.wake();
    }

    pub(super) fn read(&mut self, seat: u64, waker: &Waker) -> Read<P> {
        let written = self.written();
        let Some(place) = self.seats.get_mut(&seat) else { return Read::TooSlow };
        if place.read < self.gone {
            return Read::TooSlow;
        }
        if place.read == written {
            return match &self.end {
                Some(error) => Read::End(error.as_ref().map(again)),
                None => {
                    self.wait(seat, waker);
                    Read::Nothing
                }
            };
        }
        let piece = self.pieces[place.read - self.gone].clone();
        place.read += 1;
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
        Read::Piece(piece)
    }

    /// Whether another piece may come: not while all are far behind. Who is far behind while others are not is left there.
    pub(super) fn has_room(&mut self, waker: &Waker) -> bool {
        if self.bytes <= BEHIND_BYTES {
            return true;
        }
        self.trim();
        let written = self.written();
        if self.bytes > BEHIND_BYTES && self.seats.values().any(|seat| seat.read == written) {
            while self.bytes > WHOLE_BYTES {
                self.forget_first();
            }
            self.wake();
        }
        let room = self.bytes <= BEHIND_BYTES;
        if !room {
            self.writer = Some(waker.clone());
        }
        room
    }

    /// Lets go of what everybody has read, where nobody joins any more.
    fn trim(&mut self) {
        if self.open {
            return;
        }
        let gone = self.gone;
        let least = self.seats.values().map(|seat| seat.read).filter(|read| *read >= gone).min();
        while least.is_some_and(|least| self.gone < least) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(piece) = self.pieces.pop_front() {
            self.bytes -= piece.weight();
            self.gone += 1;
        }
    }
}
