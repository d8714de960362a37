//! Counting what is used against what is allowed, over all replicas.
//!
//! A call is let in by one question over all of its limits, which takes from each what the call will use at most:
//! [`Limiter::reserve`]. When the call has ended, [`Limiter::settle`] puts what it did use in the place of that. Whoever
//! dies in between gives back what it held after a while: the reservation is a lease.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::PortError;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls of models.
    Requests,
    /// Tokens.
    Tokens,
    /// Calls under way.
    Concurrency,
    /// Billionths of a US dollar. What was spent before the count began is asked of the ledger: see [`Limiter::seed`].
    Money,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Tokens, Self::Concurrency, Self::Money];
}

/// The time over which a limit is held. Moments are wall-clock time since the Unix epoch; replicas agree on it well enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The last so long: the present period, and of the one before it the share that is still in view.
    /// See [`crate::window`].
    Sliding {
        /// How long, milliseconds; 1 s to about 24 days.
        length_ms: u64,
    },
    /// Now: only what is held counts.
    Open,
    /// From one moment to another.
    Calendar {
        /// The first moment, milliseconds.
        from_ms: u64,
        /// The first moment after it, milliseconds.
        until_ms: u64,
    },
    /// The present slot and so many before it, whole.
    Rolling {
        /// How long a slot is, milliseconds.
        slot_ms: u64,
        /// How many slots before the present one count, at most [`crate::window::MAX_SLOTS`].
        slots: u32,
    },
}

/// One limit to hold, and what a call takes from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// What is counted, for whom: all who use the name share the count. A name goes with one way of cutting time: used
    /// with a sliding or rolling window of another length it is counted apart, but days and months, or months of two
    /// time zones, must have names of their own.
    pub name: String,
    /// In which unit.
    pub kind: Kind,
    /// Over which time.
    pub window: Window,
    /// The most. Above [`crate::window::most`] it is that.
    pub limit: u64,
    /// What one call is reserved, at most. More than the limit is never let in, so that what is held is never more
    /// than [`crate::window::most`].
    pub amount: u64,
}

/// Asks to let calls in.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// An id for each call, unlike any other; all are let in or none. Never empty.
    pub calls: &'a [Uuid],
    /// The limits, each once. Each call takes `amount` from each. A call with none is let in, and not kept.
    pub meters: &'a [Meter],
    /// The time.
    pub now: Duration,
    /// How long calls last at most: what is not settled by then is given back whoever holds it.
    pub longest: Duration,
}

/// Where a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterState {
    /// The limit.
    pub limit: u64,
    /// What was used in its time, by calls that have ended.
    pub settled: u64,
    /// What calls under way hold besides.
    pub held: u64,
    /// When it will have room for the whole limit again if nothing more is used, from now; zero where only what is held
    /// counts.
    pub reset_after: Duration,
}

impl MeterState {
    /// How much there is left.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.settled).saturating_sub(self.held)
    }
}

/// The answer of the limiter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Taken from every limit. Where each stands now, in the order of the question.
    Admitted {
        /// One for each meter.
        states: Vec<MeterState>,
    },
    /// Taken from none, because this one has no room.
    Refused {
        /// Which one, by its place in the question: of several the one that is full longest.
        full: usize,
        /// When there will be room for as much as was asked for, from now, even if the calls under way use all they
        /// hold; `None` if that is more than the limit, and for limits whose room depends on others.
        retry_after: Option<Duration>,
        /// Where each stands.
        states: Vec<MeterState>,
    },
    /// Taken from none: what was spent in the time of these is not known here. Find out, tell [`Limiter::seed`], and ask
    /// again.
    Unseeded {
        /// The meters, by their places, with the calls that were settled meanwhile.
        meters: Vec<Unseeded>,
    },
}

/// A limit whose past is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseeded {
    /// Its place in the question.
    pub meter: usize,
    /// Calls that were settled here in a time that is not known: whoever adds up the past leaves them out.
    pub settled: Vec<Uuid>,
}

/// Calls that were let in. Kept by whoever makes them, and safe to write down: a later process can settle it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The call.
    pub call: Uuid,
    /// When it was let in, milliseconds since the Unix epoch: amounts are settled in the time they were reserved in.
    pub at_ms: u64,
    /// What was taken from which limits.
    pub meters: Vec<Meter>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The call.
    pub hold: Hold,
    /// What it used of each meter, in their order; what is missing is nothing, and so is all of a call that was never
    /// made. Of [`Window::Open`] nothing stays used, whatever is said. More than [`crate::window::most`] is that.
    pub used: Vec<u64>,
    /// Whether it may be that nothing was ever reserved here for it: it was let in while this limiter was away. It is
    /// then counted all the same, once. Whoever repeats a settlement says the same again.
    pub unreserved: bool,
}

/// What was spent in the time of a limit before the count began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Amounts by moments (milliseconds since the Unix epoch): of a calendar window all are of it, of a rolling one
    /// at any moment of each slot. Several in one slot are added up; of a slot in view that is not named, it is nothing.
    /// See [`crate::window::by_slot`].
    pub spent: Vec<(u64, u64)>,
    /// How it is meant.
    pub mode: SeedMode,
}

/// How a [`Seed`] is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedMode {
    /// The past of a meter that had none, less these many calls that were settled since ([`Unseeded::settled`]). Is
    /// added to what was counted since, in the slots whose past is not known, and in no others.
    /// Changes nothing if the past is known by now, or if fewer calls were settled: those that were left out are then not
    /// counted here. Further ones that were settled meanwhile stay counted, whether or not they are part of what was
    /// spent: too much rather than too little, so that a past also begins while many calls end.
    Begin {
        /// How many were left out.
        settled: usize,
    },
    /// At least as much was spent: the ledger knows of it. Raises what is settled, until that and what is held are as
    /// much in each slot: what the ledger knows may be of calls that are about to be settled here. Lowers nothing, and
    /// changes nothing if the past is not known.
    AtLeast,
    /// Exactly so much was spent by calls that have ended: an operator says so. What is held comes on top.
    Exactly,
}

/// Admits or refuses, atomically over several limits. Every adapter computes the same from the same history.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Takes from all limits, or from none if one of them has no room. Bounded in time by the adapter.
    ///
    /// Also gives back what leases held that have run out.
    async fn reserve(&self, ask: &Ask<'_>) -> Result<Admission, PortError>;

    /// Puts what was used in the place of what was reserved, in the periods in which it was reserved. By id, and once:
    /// repeating is harmless, also after a failure. What comes after its lease ran out is counted all the same; but of
    /// calls let in long ago not every id is remembered for ever.
    async fn settle(&self, settlements: &[Settlement], now: Duration) -> Result<(), PortError>;

    /// Tells what was spent in the time of a limit that has a past ([`crate::window::has_past`]; others take none);
    /// whether that was taken.
    async fn seed(&self, meter: &Meter, seed: &Seed, now: Duration) -> Result<bool, PortError>;

    /// Where limits stand; takes nothing. A money limit whose past is not known reads as what is known.
    async fn read(&self, meters: &[Meter], now: Duration) -> Result<Vec<MeterState>, PortError>;

    /// How many processes count here, as far as is known; at least one.
    fn replicas(&self) -> u32 {
        1
    }

    /// How often the counts were lost, for those who can tell what was spent: whenever this changes, tell the ledger what
    /// is not told yet, and say so by [`Limiter::ledger_knows`]. `None` where counts are not lost.
    fn losses(&self) -> Option<tokio::sync::watch::Receiver<u64>> {
        None
    }

    /// The ledger knows what this process spent before so many losses. Who says it once, of no matter how many, is waited
    /// for after each further loss, as far as the adapter waits for anybody: what the ledger lacks could be spent again.
    fn ledger_knows(&self, _losses: u64) {}

    /// Counts one admission of each meter for good, or none: for what is merely counted, and never settled.
    async fn count(&self, meters: &[Meter], now: Duration) -> Result<Admission, PortError>;
}
