//! The meters of a schedule.

use crate::contract::limiter::meters::named;
use crate::{Kind, Meter, Window};

/// How many there are: one for each kind of window and of what is counted in it.
pub(super) const METERS: usize = 6;

/// How a meter cuts time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    Sliding {
        length_ms: u64,
    },
    Open,
    /// Spans that follow each other, like days.
    Spans {
        length_ms: u64,
    },
    Rolling {
        slot_ms: u64,
        before: u64,
    },
}

pub(super) const CUTS: [(Kind, Cut); METERS] = [
    (Kind::Requests, Cut::Sliding { length_ms: 60_000 }),
    (Kind::Tokens, Cut::Sliding { length_ms: 7_000 }),
    (Kind::Concurrency, Cut::Open),
    (Kind::Money, Cut::Spans { length_ms: 90_000 }),
    (Kind::Money, Cut::Rolling { slot_ms: 20_000, before: 3 }),
    (Kind::Tokens, Cut::Rolling { slot_ms: 4_000, before: 2 }),
];

impl Cut {
    /// The first moment of the slot of a moment, and the first one after it.
    pub(super) const fn slot(self, at_ms: u64) -> (u64, u64) {
        let length_ms = match self {
            Self::Open => return (0, u64::MAX),
            Self::Sliding { length_ms } | Self::Spans { length_ms } => length_ms,
            Self::Rolling { slot_ms, .. } => slot_ms,
        };
        let from = at_ms / length_ms * length_ms;
        (from, from + length_ms)
    }

    /// The first moment that is looked back on.
    pub(super) const fn begins(self, now_ms: u64) -> u64 {
        let (from, until) = self.slot(now_ms);
        match self {
            Self::Open | Self::Spans { .. } => from,
            Self::Sliding { length_ms } => from - length_ms,
            Self::Rolling { before, .. } => from - before * (until - from),
        }
    }

    /// Whether what was spent before must be known.
    pub(super) const fn has_past(self, kind: Kind) -> bool {
        matches!(kind, Kind::Money) && matches!(self, Self::Spans { .. } | Self::Rolling { .. })
    }

    pub(super) const fn window(self, now_ms: u64) -> Window {
        match self {
            Self::Sliding { length_ms } => Window::Sliding { length_ms },
            Self::Open => Window::Open,
            Self::Spans { .. } => {
                let (from_ms, until_ms) = self.slot(now_ms);
                Window::Calendar { from_ms, until_ms }
            }
            Self::Rolling { slot_ms, before } => Window::Rolling { slot_ms, slots: before as u32 },
        }
    }
}

/// Names that no other schedule uses.
pub(super) fn names() -> [String; METERS] {
    CUTS.map(|(kind, _)| named(&format!("oracle:{kind:?}")))
}

/// A meter as it is at some time.
pub(super) fn meter(index: usize, names: &[String; METERS], now_ms: u64, limit: u64, amount: u64) -> Meter {
    let (kind, cut) = CUTS[index];
    Meter { name: names[index].clone(), kind, window: cut.window(now_ms), limit, amount }
}
