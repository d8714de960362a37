//! The arithmetic of limits, kept in one place so that every [`Limiter`](crate::Limiter) computes the same from the same
//! history.
//!
//! Time is cut into slots: the periods of a sliding window, the one span of a calendar window, the slots of a rolling one.
//! In each slot two numbers are kept: what was used by calls that have ended, and what calls under way hold; both belong to
//! the slot in which the call was let in. What counts against a limit is the sum over the slots in view. Of a sliding
//! window that is the present period, and the one before it weighed by the share still in view and rounded up.
//!
//! All integers, none above 2^53 where it decides, so that Lua's numbers are exact as well. For that an adapter keeps no
//! number above [`most`]: a limit above it is it, what is held never is more than a limit, and what is settled is brought
//! to it, in the settlement and in the sum. Lengths out of range are brought into it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Admission, Ask, Kind, Meter, MeterState, Unseeded, Window};

/// The weight of a period that is wholly in view; a power of two, so that dividing by it is exact.
pub const WHOLE: u64 = 1 << 20;
/// Largest number kept of anything: nine million dollars in billionths.
pub const MAX_AMOUNT: u64 = 9_000_000_000_000_000;
/// Largest number kept of a sliding window, whose counts are multiplied by a weight.
pub const MAX_SLIDING: u64 = u32::MAX as u64;
/// Most slots before the present one.
pub const MAX_SLOTS: u32 = 31;
/// How far behind a clock may be for what was counted before to be found still, milliseconds.
pub const SLACK_MS: u64 = 10_000;

/// Slots are at least this long.
const MIN_LENGTH_MS: u64 = 1_000;
/// And at most this long (about 24 days), which keeps products below 2^53.
const MAX_LENGTH_MS: u64 = 1 << 31;

// The largest numbers that Lua meets stay exact in a double: of one slot both numbers, weighed; and of the moments.
const _: () = assert!(2 * MAX_SLIDING * WHOLE < 1 << 53 && MAX_LENGTH_MS * WHOLE < 1 << 53);
const _: () = assert!(MAX_AMOUNT < 1 << 53);

/// The largest number that is kept of a window.
#[must_use]
pub const fn most(window: Window) -> u64 {
    match window {
        Window::Sliding { .. } => MAX_SLIDING,
        _ => MAX_AMOUNT,
    }
}

/// What one slot holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Used by calls that have ended.
    pub settled: u64,
    /// Held by calls under way.
    pub held: u64,
}

/// Where a moment falls in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the present slot: since the Unix epoch, or, of a calendar window, its first moment.
    pub slot: u64,
    /// How many slots before it are in view.
    pub before: u32,
    /// What a slot before counts, in parts of [`WHOLE`]; all of it but in sliding windows.
    pub weight: u64,
    /// Whether the slot before leaves view bit by bit.
    pub slides: bool,
    /// How much longer the present slot lasts, milliseconds; zero where there is only one for ever.
    pub left_ms: u64,
    /// How long a slot is, milliseconds; zero where there is only one for ever.
    pub slot_ms: u64,
}

impl Place {
    /// Where `now` falls. Lengths out of range are brought into it.
    #[must_use]
    pub fn of(window: Window, now: Duration) -> Self {
        let now_ms = millis(now);
        match window {
            Window::Sliding { length_ms } => {
                let slot_ms = length_ms.clamp(MIN_LENGTH_MS, MAX_LENGTH_MS);
                let left_ms = slot_ms - now_ms % slot_ms;
                let weight = (left_ms * WHOLE).div_ceil(slot_ms);
                Self { slot: now_ms / slot_ms, before: 1, weight, slides: true, left_ms, slot_ms }
            }
            Window::Open => Self { slot: 0, before: 0, weight: WHOLE, slides: false, left_ms: 0, slot_ms: 0 },
            Window::Calendar { from_ms, until_ms } => Self {
                slot: from_ms,
                before: 0,
                weight: WHOLE,
                slides: false,
                left_ms: until_ms.saturating_sub(now_ms),
                slot_ms: until_ms.saturating_sub(from_ms),
            },
            Window::Rolling { slot_ms, slots } => {
                let slot_ms = slot_ms.clamp(MIN_LENGTH_MS, MAX_LENGTH_MS);
                let left_ms = slot_ms - now_ms % slot_ms;
                let before = slots.min(MAX_SLOTS);
                Self { slot: now_ms / slot_ms, before, weight: WHOLE, slides: false, left_ms, slot_ms }
            }
        }
    }

    /// The numbers of the slots in view, the present one first.
    pub fn slots(&self) -> impl Iterator<Item = u64> + use<> {
        let slot = self.slot;
        (0..=u64::from(self.before)).map_while(move |back| slot.checked_sub(back))
    }

    /// What is in view: settled, and held besides. A held share is what rounding up leaves above the settled share.
    #[must_use]
    pub fn in_view(&self, slots: &[Slot]) -> Slot {
        let mut view = Slot::default();
        for (at, slot) in slots.iter().enumerate() {
            let weight = if at == 0 { WHOLE } else { self.weight };
            let Slot { settled, held } = self.kept(*slot);
            let share = weighed(settled, weight);
            view.settled += share;
            view.held += weighed(settled + held, weight) - share;
        }
        view
    }

    /// When the whole limit is free again if nothing more is used, from now.
    #[must_use]
    pub fn reset_after(&self, slots: &[Slot]) -> Duration {
        let newest = slots.iter().zip(0..).find(|(slot, _)| slot.settled > 0 || slot.held > 0);
        match newest {
            // It leaves view when as many slots have begun after it as are looked back on, and one more.
            Some((_, age)) if self.slot_ms > 0 => {
                let slots = u64::from(self.before.saturating_sub(age));
                Duration::from_millis(self.left_ms.saturating_add(self.slot_ms.saturating_mul(slots)))
            }
            _ => Duration::ZERO,
        }
    }

    /// When there will be room for so much if nothing else is used until then and all that is held is, from now; `None`
    /// if there never is, or if that depends on when calls end.
    #[must_use]
    pub fn retry_after(&self, slots: &[Slot], limit: u64, wanted: u64) -> Option<Duration> {
        let room = limit.min(self.most()).checked_sub(wanted)?;
        if self.slot_ms == 0 {
            return None;
        }
        let of = |at: usize| {
            let slot = self.kept(slots.get(at).copied().unwrap_or_default());
            slot.settled + slot.held
        };
        if self.slides {
            return Some(Duration::from_millis(self.slides_to_ms(of(0), of(1), room)));
        }
        // The oldest slots leave first.
        let mut left: u64 = (0..=self.before as usize).map(of).sum();
        let mut wait_ms = 0;
        for (gone, age) in (0..=self.before as usize).rev().enumerate() {
            if left <= room {
                break;
            }
            left -= of(age);
            wait_ms = self.left_ms + self.slot_ms * gone as u64;
        }
        Some(Duration::from_millis(wait_ms))
    }

    /// When the present period and the one before it leave so much room, milliseconds from now.
    fn slides_to_ms(&self, current: u64, previous: u64, room: u64) -> u64 {
        match room.checked_sub(current) {
            // In this period, once the previous one has slid far enough out of view.
            Some(room) => self.shrinks_to_at_ms(previous, room).saturating_sub(self.slot_ms - self.left_ms),
            // In the next one, where what is current now is previous.
            None => self.left_ms + self.shrinks_to_at_ms(current, room),
        }
    }

    /// How far into a period the weighed count of the one before it is at most `room`.
    fn shrinks_to_at_ms(&self, previous: u64, room: u64) -> u64 {
        if previous <= room {
            return 0;
        }
        let weight = room * WHOLE / previous;
        self.slot_ms - weight * self.slot_ms / WHOLE
    }

    /// A slot whose numbers are in range, whatever the adapter found.
    fn kept(&self, slot: Slot) -> Slot {
        Slot { settled: slot.settled.min(self.most()), held: slot.held.min(self.most()) }
    }

    const fn most(&self) -> u64 {
        if self.slides { MAX_SLIDING } else { MAX_AMOUNT }
    }
}

/// What is known of a meter's window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The slots in view, the present one first; what is missing at the end is empty.
    pub slots: Vec<Slot>,
    /// For a money meter whose past is not known: the calls that were settled since the count began.
    pub unseeded: Option<Vec<uuid::Uuid>>,
}

/// Decides over an [`Ask`], from what is known of each meter before it.
///
/// The caller takes `amount` for every call from every meter if this says [`Admission::Admitted`], and nothing otherwise,
/// while nobody else can come between. Of several full limits, the one that stays full longest is named; limits that are
/// known to be full come before those whose past is not known.
#[must_use]
pub fn decide(ask: &Ask<'_>, views: &[View]) -> Admission {
    let calls = u64::try_from(ask.calls.len()).unwrap_or(u64::MAX);
    let mut states = Vec::with_capacity(ask.meters.len());
    // Which one, and how long it stays full: for ever is longest, as long as others take is shortest.
    let mut full: Option<(usize, u64, Option<Duration>)> = None;
    for (index, (meter, view)) in ask.meters.iter().zip(views).enumerate() {
        let place = Place::of(meter.window, ask.now);
        let wanted = meter.amount.saturating_mul(calls);
        let state = state(meter, &place, &view.slots);
        let used = state.settled.saturating_add(state.held);
        if used.saturating_add(wanted) > state.limit {
            let retry_after = place.retry_after(&view.slots, state.limit, wanted);
            let rank = match retry_after {
                Some(wait) => millis(wait),
                None if wanted > state.limit => u64::MAX,
                None => 0,
            };
            if full.is_none_or(|(_, longest, _)| rank > longest) {
                full = Some((index, rank, retry_after));
            }
        }
        states.push(state);
    }
    if let Some((full, _, retry_after)) = full {
        return Admission::Refused { full, retry_after, states };
    }
    let unseeded: Vec<_> = views
        .iter()
        .enumerate()
        .filter_map(|(meter, view)| Some(Unseeded { meter, settled: view.unseeded.clone()? }))
        .collect();
    if !unseeded.is_empty() {
        return Admission::Unseeded { meters: unseeded };
    }
    for ((meter, view), at) in ask.meters.iter().zip(views).zip(&mut states) {
        let mut slots = view.slots.clone();
        let taken = meter.amount.saturating_mul(calls);
        match slots.first_mut() {
            Some(slot) => slot.held = slot.held.saturating_add(taken),
            None => slots.push(Slot { settled: 0, held: taken }),
        }
        *at = state(meter, &Place::of(meter.window, ask.now), &slots);
    }
    Admission::Admitted { states }
}

/// Where a meter stands with these slots in view, the present one first.
#[must_use]
pub fn state(meter: &Meter, place: &Place, slots: &[Slot]) -> MeterState {
    let Slot { settled, held } = place.in_view(slots);
    MeterState {
        limit: meter.limit.min(most(meter.window)),
        settled,
        held,
        reset_after: place.reset_after(slots),
    }
}

/// Whether a meter cannot begin to count before it is known what was spent in its time: money over days.
#[must_use]
pub const fn has_past(meter: &Meter) -> bool {
    matches!(meter.kind, Kind::Money)
        && matches!(meter.window, Window::Calendar { .. } | Window::Rolling { .. })
}

/// The first moment of a window, milliseconds since the Unix epoch: the count must go back to it.
#[must_use]
pub fn begins_ms(window: Window, now: Duration) -> u64 {
    let place = Place::of(window, now);
    slot_begins_ms(window, place.slot.saturating_sub(u64::from(place.before)))
}

/// The first moment of a slot, milliseconds since the Unix epoch.
#[must_use]
pub fn slot_begins_ms(window: Window, slot: u64) -> u64 {
    match window {
        Window::Calendar { .. } => slot,
        _ => slot.saturating_mul(Place::of(window, Duration::ZERO).slot_ms),
    }
}

/// The slot of a moment.
#[must_use]
pub fn slot_at(window: Window, at_ms: u64) -> u64 {
    Place::of(window, Duration::from_millis(at_ms)).slot
}

/// The amounts of a [`Seed`](crate::Seed) by slots: each that is in view, and what others with faster clocks spent after
/// it. What is older is of no use, and left out.
#[must_use]
pub fn by_slot(window: Window, spent: &[(u64, u64)], now: Duration) -> BTreeMap<u64, u64> {
    let mut slots: BTreeMap<u64, u64> = Place::of(window, now).slots().map(|slot| (slot, 0)).collect();
    let oldest = slots.keys().next().copied().unwrap_or(0);
    for (at_ms, amount) in spent {
        let slot = slot_at(window, *at_ms);
        if slot >= oldest {
            let sum = slots.entry(slot).or_default();
            *sum = sum.saturating_add(*amount).min(most(window));
        }
    }
    slots
}

/// How long a meter is remembered after it was last used, milliseconds: until nothing of it is in view, and for clocks
/// that are behind. A meter with a past is remembered for one more window, so that a new month need not ask what came
/// before.
#[must_use]
pub fn remembered_ms(meter: &Meter, place: &Place) -> u64 {
    let window = place.slot_ms.saturating_mul(u64::from(place.before) + 1);
    let windows = if has_past(meter) { 2 } else { 1 };
    window.saturating_mul(windows).saturating_add(SLACK_MS)
}

fn weighed(count: u64, weight: u64) -> u64 {
    // Only sliding windows weigh, and theirs are small enough to be multiplied.
    if weight == WHOLE { count } else { (count * weight).div_ceil(WHOLE) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
