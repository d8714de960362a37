//! What is counted under every name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::window::{Place, View, has_past, remembered_ms, state};
use outcrop_ports::{Meter, MeterState, Seed, Window};
use uuid::Uuid;

use super::book::Book;

/// How long a name with a past is kept before others: it can be asked for again.
const PAST_KEPT: Duration = Duration::from_secs(10 * 60);

/// What of a window tells its counts from those of another: not which day or month it is.
pub(super) type Shape = (u8, u64, u32);

/// All names. As many as are wanted are kept, and besides only those in which calls under way hold something.
#[derive(Debug)]
pub(super) struct Books {
    // Windows of another shape are counted apart; there are few.
    ids: HashMap<Shape, HashMap<Arc<str>, u64>>,
    books: HashMap<u64, Book>,
    /// Those in which no call holds anything, by the time at which they are forgotten.
    idle: BTreeSet<(Duration, u64)>,
    next: u64,
    capacity: usize,
}

/// What one call holds of one meter.
#[derive(Debug)]
pub(super) struct Part {
    book: u64,
    window: Window,
    has_past: bool,
    slot: u64,
    amount: u64,
}

impl Books {
    pub(super) fn with_capacity(names: usize) -> Self {
        Self {
            ids: HashMap::new(),
            books: HashMap::new(),
            idle: BTreeSet::new(),
            next: 0,
            capacity: names.max(1),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.books.len(), self.ids.values().map(HashMap::len).sum::<usize>());
        assert_eq!(self.idle.len(), self.books.values().filter(|book| book.open == 0).count());
        self.books.len()
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.books.values().map(Book::slots).sum()
    }

    /// What is known of a meter.
    pub(super) fn view(&self, meter: &Meter, now: Duration) -> View {
        match self.find(meter).and_then(|id| self.books.get(&id)) {
            Some(book) => book.view(meter, now),
            None => View { slots: Vec::new(), unseeded: has_past(meter).then(Vec::new) },
        }
    }

    pub(super) fn state(&self, meter: &Meter, now: Duration) -> MeterState {
        state(meter, &Place::of(meter.window, now), &self.view(meter, now).slots)
    }

    /// Holds what one call takes of all meters.
    pub(super) fn hold(&mut self, meters: &[Meter], now: Duration) -> Vec<Part> {
        // Those that are there first, so that none of them makes room for another.
        let known: Vec<_> = meters.iter().map(|meter| self.find(meter)).collect();
        for id in known.iter().flatten() {
            self.open(*id);
        }
        let hold = |(meter, known): (&Meter, Option<u64>)| {
            let id = known.unwrap_or_else(|| {
                let id = self.find_or_insert(meter);
                self.open(id);
                id
            });
            let slot = Place::of(meter.window, now).slot;
            if let Some(book) = self.books.get_mut(&id) {
                book.hold(slot, meter.amount);
                touch(book, meter, now);
            }
            Part { book: id, window: meter.window, has_past: has_past(meter), slot, amount: meter.amount }
        };
        meters.iter().zip(known).map(hold).collect()
    }

    /// Gives back what a call held.
    pub(super) fn release(&mut self, part: &Part) {
        let Some(book) = self.books.get_mut(&part.book) else { return };
        book.release(part.slot, part.amount);
        book.open -= 1;
        if book.open == 0 {
            self.idle.insert((book.forget_at, part.book));
        }
    }

    /// Puts what a call used in the place of what it held.
    pub(super) fn settle(&mut self, call: Uuid, part: &Part, used: u64) {
        if let Some(book) = self.books.get_mut(&part.book) {
            book.add(call, (part.window, part.has_past), part.slot, used);
        }
        self.release(part);
    }

    /// Adds what a call used that was let in at some time.
    pub(super) fn add(&mut self, call: Uuid, meter: &Meter, (at, now): (Duration, Duration), used: u64) {
        if !matches!(meter.window, Window::Open) {
            let slot = Place::of(meter.window, at).slot;
            let how = (meter.window, has_past(meter));
            self.change(meter, at.max(now), |book| book.add(call, how, slot, used));
        }
    }

    /// Takes a seed; whether it did.
    pub(super) fn seed(&mut self, meter: &Meter, seed: &Seed, now: Duration) -> bool {
        has_past(meter) && self.change(meter, now, |book| book.seed(meter, seed, now)).unwrap_or(false)
    }

    /// Changes the book of a meter, which no call need hold.
    fn change<T>(&mut self, meter: &Meter, now: Duration, change: impl FnOnce(&mut Book) -> T) -> Option<T> {
        let id = self.find_or_insert(meter);
        let book = self.books.get_mut(&id)?;
        let changed = change(book);
        let before = book.forget_at;
        touch(book, meter, now);
        if book.open == 0 {
            self.idle.remove(&(before, id));
            self.idle.insert((book.forget_at, id));
        }
        Some(changed)
    }

    /// Notes that a call holds something here.
    fn open(&mut self, id: u64) {
        if let Some(book) = self.books.get_mut(&id) {
            self.idle.remove(&(book.forget_at, id));
            book.open += 1;
        }
    }

    fn find(&self, meter: &Meter) -> Option<u64> {
        self.ids.get(&shape(meter.window))?.get(meter.name.as_str()).copied()
    }

    /// The book of a meter; a new one makes room for itself.
    fn find_or_insert(&mut self, meter: &Meter) -> u64 {
        if let Some(id) = self.find(meter) {
            return id;
        }
        self.make_room();
        let (id, shape, name) = (self.next, shape(meter.window), Arc::<str>::from(meter.name.as_str()));
        self.next += 1;
        self.ids.entry(shape).or_default().insert(Arc::clone(&name), id);
        let book = Book::new(name, shape);
        self.idle.insert((book.forget_at, id));
        self.books.insert(id, book);
        id
    }

    /// Forgets names that nobody holds anything of, until there is room for one more.
    fn make_room(&mut self) {
        while self.books.len() >= self.capacity
            && let Some((_, id)) = self.idle.pop_first()
        {
            let Some(book) = self.books.remove(&id) else { continue };
            if let Some(ids) = self.ids.get_mut(&book.shape) {
                ids.remove(&book.name);
                if ids.is_empty() {
                    self.ids.remove(&book.shape);
                }
            }
        }
    }
}

/// Notes that a book was used. Its place among the idle ones is the caller's to change.
fn touch(book: &mut Book, meter: &Meter, now: Duration) {
    let kept = Duration::from_millis(remembered_ms(meter, &Place::of(meter.window, now)));
    let kept = if has_past(meter) { kept.min(PAST_KEPT) } else { kept };
    book.forget_at = book.forget_at.max(now.saturating_add(kept));
    book.prune(meter.window, now);
}

const fn shape(window: Window) -> Shape {
    match window {
        Window::Open => (0, 0, 0),
        Window::Sliding { length_ms } => (1, length_ms, 0),
        Window::Calendar { .. } => (2, 0, 0),
        Window::Rolling { slot_ms, slots } => (3, slot_ms, slots),
    }
}
