//! The account: every amount ever spent or held is on a list, and what counts is added up from there.

use std::time::Duration;

use uuid::Uuid;

use super::world::{CUTS, Cut, METERS};
use crate::MeterState;

/// Something spent.
#[derive(Debug, Clone)]
pub(super) struct Spend {
    pub(super) meter: usize,
    pub(super) at_ms: u64,
    /// Below zero where somebody said that less was spent.
    pub(super) amount: i64,
    /// By whom, if by a call.
    pub(super) call: Option<Uuid>,
    /// Whether the ledger has it.
    pub(super) in_ledger: bool,
    /// Whether the limiter has it, or has been told.
    pub(super) known: bool,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: Uuid,
    pub(super) at_ms: u64,
    /// When it gives back what it holds.
    pub(super) end_ms: u64,
    /// What it holds of which meters.
    pub(super) holds: Vec<(usize, u64)>,
    /// Whether it holds it now.
    pub(super) open: bool,
    pub(super) settled: bool,
    /// Whether it says that perhaps it was not reserved.
    pub(super) unreserved: bool,
}

/// All that happened.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) spends: Vec<Spend>,
    pub(super) calls: Vec<Call>,
    /// From when on all is known of a meter with a past.
    pub(super) since_ms: [Option<u64>; METERS],
}

/// Something that counts.
struct Amount {
    at_ms: u64,
    settled: i64,
    held: u64,
}

/// Settled and held.
type Sum = (u64, u64);

impl Account {
    /// Those who are over their time give back what they hold; how many they are.
    pub(super) fn give_back(&mut self, now_ms: u64) -> usize {
        let over = self.calls.iter_mut().filter(|call| call.open && call.end_ms <= now_ms);
        over.map(|call| call.open = false).count()
    }

    /// Whether all that was spent in view is known.
    pub(super) fn knows(&self, meter: usize, now_ms: u64) -> bool {
        let (kind, cut) = CUTS[meter];
        !cut.has_past(kind) || self.since_ms[meter].is_some_and(|since| since <= cut.begins(now_ms))
    }

    /// The calls that somebody who adds up the past must leave out.
    pub(super) fn left_out(&self, meter: usize) -> Vec<Uuid> {
        let unknown = |at_ms| self.since_ms[meter].is_none_or(|since| at_ms < since);
        let settled = self.spends.iter().filter(|it| it.meter == meter && it.known && unknown(it.at_ms));
        settled.filter_map(|it| it.call).collect()
    }

    /// What is known to be spent from one moment to another, and held besides; by when.
    fn amounts(&self, meter: usize, (from_ms, until_ms): (u64, u64)) -> Vec<Amount> {
        let within = |at_ms| (from_ms..until_ms).contains(&at_ms);
        let spends = self.spends.iter().filter(|it| it.known && it.meter == meter && within(it.at_ms));
        let spends = spends.map(|it| Amount { at_ms: it.at_ms, settled: it.amount, held: 0 });
        let calls = self.calls.iter().filter(|call| call.open && within(call.at_ms));
        let held = calls.flat_map(|call| {
            let held = call.holds.iter().filter(|(it, _)| *it == meter);
            held.map(|(_, held)| Amount { at_ms: call.at_ms, settled: 0, held: *held })
        });
        spends.chain(held).collect()
    }

    /// What is known to be spent in the slot of a moment, and held besides.
    pub(super) fn sum_of_slot(&self, meter: usize, at_ms: u64) -> Sum {
        let slot = CUTS[meter].1.slot(at_ms);
        sum(&self.amounts(meter, slot), slot)
    }

    /// What can count at a moment and after it. Nothing is known of slots that have not begun, though others with faster
    /// clocks spent something there.
    fn in_view(&self, meter: usize, now_ms: u64) -> Vec<Amount> {
        let cut = CUTS[meter].1;
        self.amounts(meter, (cut.begins(now_ms), cut.slot(now_ms).1))
    }

    /// How long until no more than this counts if nothing happens.
    fn shrinks_to(&self, meter: usize, most: u64, now_ms: u64) -> Duration {
        let amounts = self.in_view(meter, now_ms);
        let fits = |wait: &u64| {
            let (settled, held) = counts(CUTS[meter].1, &amounts, now_ms + wait);
            settled + held <= most
        };
        // Less and less counts, and nothing once all slots have left view.
        let (mut no, mut yes) = (0, 200_000);
        if fits(&no) {
            return Duration::ZERO;
        }
        while yes - no > 1 {
            let middle = u64::midpoint(no, yes);
            if fits(&middle) { yes = middle } else { no = middle }
        }
        Duration::from_millis(yes)
    }

    /// Where a meter stands, if so much more is held.
    pub(super) fn state(&self, meter: usize, limit: u64, more: u64, now_ms: u64) -> MeterState {
        let (settled, held) = counts(CUTS[meter].1, &self.in_view(meter, now_ms), now_ms);
        let reset_after = match CUTS[meter].1 {
            Cut::Open => Duration::ZERO,
            cut if more > 0 => {
                let (from, until) = cut.slot(now_ms);
                let view = from - cut.begins(now_ms);
                Duration::from_millis(until - now_ms + view)
            }
            _ => self.shrinks_to(meter, 0, now_ms),
        };
        MeterState { limit, settled, held: held + more, reset_after }
    }

    /// When so much more fits, if nothing else happens; `None` if that cannot be told.
    pub(super) fn retry_after(&self, meter: usize, limit: u64, more: u64, now_ms: u64) -> Option<Duration> {
        let most = limit.checked_sub(more)?;
        let waits = !matches!(CUTS[meter].1, Cut::Open);
        waits.then(|| self.shrinks_to(meter, most, now_ms))
    }

    /// Lets the limiter know all that was spent since some moment.
    pub(super) fn know(&mut self, meter: usize, begins_ms: u64) {
        let known_since = self.since_ms[meter].unwrap_or(u64::MAX);
        let told = begins_ms..known_since;
        for spend in self.spends.iter_mut().filter(|it| it.meter == meter && told.contains(&it.at_ms)) {
            spend.known = true;
        }
        self.since_ms[meter] = Some(known_since.min(begins_ms));
    }

    /// Somebody says what was spent in the slot of a moment.
    pub(super) fn say(&mut self, meter: usize, at_ms: u64, spent: u64) {
        let (settled, _) = self.sum_of_slot(meter, at_ms);
        let amount = i64::try_from(spent).unwrap_or(0) - i64::try_from(settled).unwrap_or(0);
        self.spends.push(Spend { meter, at_ms, amount, call: None, in_ledger: false, known: true });
    }
}

/// What counts at a moment.
fn counts(cut: Cut, amounts: &[Amount], now_ms: u64) -> Sum {
    let (from, until) = cut.slot(now_ms);
    let Cut::Sliding { length_ms } = cut else { return sum(amounts, (cut.begins(now_ms), until)) };
    let (settled, held) = sum(amounts, (from, until));
    let (settled_before, held_before) = sum(amounts, (from - length_ms, from));
    // The share of the period before that is still in view, in parts of a million or so, rounded up.
    let parts = (u128::from(until - now_ms) << 20).div_ceil(u128::from(length_ms));
    let share = |count: u64| u64::try_from((u128::from(count) * parts).div_ceil(1 << 20)).unwrap_or(0);
    let settled_share = share(settled_before);
    (settled + settled_share, held + share(settled_before + held_before) - settled_share)
}

fn sum(amounts: &[Amount], (from_ms, until_ms): (u64, u64)) -> Sum {
    let within = amounts.iter().filter(|it| (from_ms..until_ms).contains(&it.at_ms));
    let (settled, held) = within.fold((0, 0), |(settled, held), it| (settled + it.settled, held + it.held));
    (settled.try_into().unwrap_or(0), held)
}
