//! What the counts are called, and what the scripts are told of a meter.

use std::time::Duration;

use outcrop_ports::window::{self, Place};
use outcrop_ports::{Meter, Window};
use redis::ScriptInvocation;

/// Most slots that are kept besides the present one.
const MOST_KEPT: u64 = window::MAX_SLOTS as u64 + window::SLACK_MS / 1_000;

/// The names of keys. All carry one hash tag, so that they live on one node of a cluster and one script may touch them
/// together.
#[derive(Debug)]
pub(super) struct Keys {
    /// What all begin with.
    pub(super) prefix: String,
    /// Those that every script is given first, in their order.
    pub(super) fixed: [String; 4],
    /// The processes that are alive.
    pub(super) processes: String,
    /// How long a meter is remembered at least: as long as a lease may hold something of it.
    lease_ms: u64,
}

/// A meter at a moment, as the scripts want it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) key: String,
    pub(super) slot: u64,
    begins_ms: u64,
    /// What it is to the scripts.
    pub(super) what: What,
    /// The largest number that is kept.
    largest: u64,
    oldest: u64,
    /// More fields than that are not all of slots that anybody looks back on.
    fields: u64,
    keep_ms: u64,
}

/// What a meter is to the scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// What was spent before the count began is asked of the ledger.
    HasPast,
    /// Only what is held counts.
    Open,
    /// Another.
    Plain,
}

impl Keys {
    pub(super) fn new(namespace: &str, lease: Duration) -> Self {
        let prefix = format!("{namespace}:{{limits}}:");
        let key = |name: &str| format!("{prefix}{name}");
        let fixed = [key("leases"), key("records"), key("epoch"), key("grace")];
        Self { processes: key("processes"), lease_ms: millis(lease), fixed, prefix }
    }

    /// A meter at a moment. Windows of another shape are counted apart: not those of another day or month.
    pub(super) fn part(&self, meter: &Meter, place: &Place, longest: Duration) -> Part {
        let Keys { prefix, .. } = self;
        let name = &meter.name;
        let (key, oldest) = match meter.window {
            Window::Open => (format!("{prefix}m:o:{name}"), 0),
            Window::Sliding { length_ms } => {
                (format!("{prefix}m:s{length_ms}:{name}"), place.slot.saturating_sub(kept(place)))
            }
            Window::Rolling { slot_ms, slots } => {
                (format!("{prefix}m:r{slot_ms}x{slots}:{name}"), place.slot.saturating_sub(kept(place)))
            }
            Window::Calendar { from_ms, .. } => {
                (format!("{prefix}m:c:{name}"), from_ms.saturating_sub(2 * place.slot_ms))
            }
        };
        // Leases are renewed late at worst, and clocks differ.
        let held_ms = (millis(longest) + self.lease_ms).saturating_mul(2);
        // Of each slot two, and two of the whole; of calendars few are kept.
        let fields = 2 * (kept(place).min(MOST_KEPT) + 1) + 2;
        let what = match meter.window {
            Window::Open => What::Open,
            _ if window::has_past(meter) => What::HasPast,
            _ => What::Plain,
        };
        Part {
            key,
            slot: place.slot,
            begins_ms: window::slot_begins_ms(meter.window, place.slot),
            what,
            largest: window::most(meter.window),
            oldest,
            fields,
            keep_ms: window::remembered_ms(meter, place).max(held_ms),
        }
    }
}

impl Part {
    /// Says it: `at` is its place among the keys that come after the fixed ones, from 1.
    pub(super) fn say(&self, at: usize, amount: u64, script: &mut ScriptInvocation<'_>) {
        let what = match self.what {
            What::HasPast => "p",
            What::Open => "o",
            What::Plain => "-",
        };
        script.key(self.key.as_str());
        script.arg(at).arg(self.slot).arg(self.begins_ms).arg(amount).arg(what);
        script.arg(self.largest).arg(self.oldest).arg(self.fields).arg(self.keep_ms);
    }
}

/// How many slots before the present one are kept: some more than are in view, for clocks that are behind.
fn kept(place: &Place) -> u64 {
    u64::from(place.before) + window::SLACK_MS.div_ceil(place.slot_ms.max(1))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
