//! What is counted under one name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::window::{
    Place, SLACK_MS, Slot, View, begins_ms, by_slot, has_past, most, slot_begins_ms,
};
use outcrop_ports::{Meter, Seed, SeedMode, Window};
use uuid::Uuid;

use super::books::Shape;

/// Most ids kept of calls that were settled while the past was not known. Those above are counted twice, once it is: too
/// much rather than too little.
const MOST_SETTLED: usize = 10_000;
/// Days, weeks or months that are kept: the present one, and those of calls that are still under way, or clocks behind.
const CALENDAR_SLOTS: usize = 3;

/// One name, and one way of cutting time.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) name: Arc<str>,
    pub(super) shape: Shape,
    /// How many calls hold something here, if only nothing.
    pub(super) open: usize,
    /// When it may be forgotten while others are not.
    pub(super) forget_at: Duration,
    slots: BTreeMap<u64, Slot>,
    /// The moment from which everything is counted, if that ever was known.
    since_ms: Option<u64>,
    /// The calls that were settled in a time that is not, with the first moment of their slot.
    settled: Vec<(u64, Uuid)>,
}

impl Book {
    pub(super) fn new(name: Arc<str>, shape: Shape) -> Self {
        Self {
            name,
            shape,
            open: 0,
            forget_at: Duration::ZERO,
            slots: BTreeMap::new(),
            since_ms: None,
            settled: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// What is known of a meter.
    pub(super) fn view(&self, meter: &Meter, now: Duration) -> View {
        let place = Place::of(meter.window, now);
        let slots = place.slots().map(|slot| self.slots.get(&slot).copied().unwrap_or_default()).collect();
        let known = !has_past(meter) || self.knows(begins_ms(meter.window, now));
        let settled = || self.settled.iter().map(|(_, call)| *call).collect();
        View { slots, unseeded: (!known).then(settled) }
    }

    /// Holds what one call takes.
    pub(super) fn hold(&mut self, slot: u64, amount: u64) {
        let slot = self.slots.entry(slot).or_default();
        slot.held = slot.held.saturating_add(amount);
    }

    /// Gives back what a call held.
    pub(super) fn release(&mut self, slot: u64, amount: u64) {
        if let Some(slot) = self.slots.get_mut(&slot) {
            slot.held = slot.held.saturating_sub(amount);
        }
    }

    /// Adds what a call used; of what has a past it is noted by whom, until that is known.
    pub(super) fn add(&mut self, call: Uuid, (window, has_past): (Window, bool), slot: u64, used: u64) {
        if matches!(window, Window::Open) {
            return;
        }
        let most = most(window);
        let settled = &mut self.slots.entry(slot).or_default().settled;
        *settled = settled.saturating_add(used).min(most);
        let begins = slot_begins_ms(window, slot);
        if has_past && !self.knows(begins) && self.settled.len() < MOST_SETTLED {
            self.settled.push((begins, call));
        }
    }

    /// Takes a seed; whether it did.
    pub(super) fn seed(&mut self, meter: &Meter, seed: &Seed, now: Duration) -> bool {
        let begins = begins_ms(meter.window, now);
        let fits = match seed.mode {
            SeedMode::Begin { settled } => !self.knows(begins) && self.settled.len() >= settled,
            SeedMode::AtLeast => self.knows(begins),
            SeedMode::Exactly => true,
        };
        if !fits {
            return false;
        }
        let most = most(meter.window);
        for (slot, spent) in by_slot(meter.window, &seed.spent, now) {
            let known = self.knows(slot_begins_ms(meter.window, slot));
            let Slot { settled, held } = self.slots.entry(slot).or_default();
            *settled = match seed.mode {
                // The slots that are known have it already: another clock, a little ahead, told them.
                SeedMode::Begin { .. } if known => *settled,
                SeedMode::Begin { .. } => settled.saturating_add(spent).min(most),
                SeedMode::AtLeast => spent.saturating_sub(*held).max(*settled),
                SeedMode::Exactly => spent,
            };
        }
        if !self.knows(begins) {
            self.since_ms = Some(begins);
            self.settled.retain(|(slot, _)| *slot < begins);
        }
        true
    }

    fn knows(&self, moment_ms: u64) -> bool {
        self.since_ms.is_some_and(|since| since <= moment_ms)
    }

    /// Forgets slots that nobody looks back on any more, but not those in which something is held. What is forgotten is
    /// not known any more, should the clock step back that far.
    pub(super) fn prune(&mut self, window: Window, now: Duration) {
        let place = Place::of(window, now);
        let keep_from = match window {
            Window::Open => return,
            Window::Calendar { .. } => place.slot.min(self.newest(CALENDAR_SLOTS)),
            _ => {
                let kept = u64::from(place.before) + SLACK_MS.div_ceil(place.slot_ms);
                place.slot.saturating_sub(kept)
            }
        };
        let old = self.slots.range(..keep_from).filter(|(_, slot)| slot.held == 0);
        let old: Vec<u64> = old.map(|(number, _)| *number).collect();
        for number in &old {
            self.slots.remove(number);
        }
        if !old.is_empty() {
            self.since_ms = self.since_ms.map(|since| since.max(slot_begins_ms(window, keep_from)));
        }
    }

    /// The oldest of the newest so many slots; the first of all if there are fewer.
    fn newest(&self, count: usize) -> u64 {
        self.slots.keys().rev().nth(count - 1).copied().unwrap_or(0)
    }
}
