//! Schedules: what clients, calls, clocks, services and operators may do, in any order.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::METERS;

/// One schedule.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// Limits of the meters.
    pub(super) limits: [u64; METERS],
    /// What was spent before any clock that is behind, by seconds before the start.
    pub(super) spent_before: Vec<(u64, u64)>,
    pub(super) steps: Vec<Step>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "limits {:?}, spent before {:?}", self.limits, self.spent_before)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step:?}"))
    }
}

/// Something for each meter; of amounts, per cent of its limit.
pub(super) type Each = [u16; METERS];

/// What happens next.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Time passes, milliseconds.
    Pass(u64),
    /// The clock of whoever comes next is behind, milliseconds.
    Behind(u64),
    /// Calls want to be let in.
    Reserve {
        /// Which meters, by bits.
        of: u8,
        calls: usize,
        amounts: Each,
        longest_s: u64,
        /// Whether they will say that perhaps they were not reserved.
        perhaps: bool,
        /// Whether it is found out what is not known, at once.
        heed: bool,
    },
    /// A call was made while the limiter was away.
    Unreserved { of: u8, amounts: Each },
    /// A call ends, perhaps one that ended before.
    Settle { call: usize, used: Each, said: usize },
    /// Something is merely counted.
    Count { of: u8, amounts: Each },
    /// What was found out when a past was last asked for is told: late, or once more.
    Seed { meter: usize },
    /// The ledger says that at least so much was spent, so many slots ago.
    Raise { meter: usize, back: u64, percent: u16 },
    /// An operator says that exactly so much was spent, so many slots ago and nothing besides.
    Exactly { meter: usize, back: u64, percent: u16 },
    /// Somebody looks.
    Read,
}

/// Any schedule.
pub(super) fn schedules() -> impl Strategy<Value = Schedule> {
    let limits = [0_u64..6, 0..500, 0..4, 0..2_000, 0..2_000, 0..60];
    (limits, vec((10_u64..300, 0_u64..300), 0..6), vec(steps(), 1..120))
        .prop_map(|(limits, spent_before, steps)| Schedule { limits, spent_before, steps })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => prop_oneof![0_u64..1_500, 0_u64..30_000, 0_u64..200_000].prop_map(Step::Pass),
        1 => (0_u64..8_000).prop_map(Step::Behind),
        9 => (some(), 1_usize..4, amounts(), 1_u64..50, any::<bool>(), prop::bool::weighted(0.8)).prop_map(
            |(of, calls, amounts, longest_s, perhaps, heed)| Step::Reserve {
                of,
                calls,
                amounts,
                longest_s,
                perhaps,
                heed
            }
        ),
        1 => (some(), amounts()).prop_map(|(of, amounts)| Step::Unreserved { of, amounts }),
        7 => (any::<usize>(), amounts(), prop_oneof![4 => Just(METERS), 1 => 0..METERS])
            .prop_map(|(call, used, said)| Step::Settle { call, used, said }),
        1 => (some(), amounts()).prop_map(|(of, amounts)| Step::Count { of, amounts }),
        1 => (3_usize..5).prop_map(|meter| Step::Seed { meter }),
        1 => (0..METERS, 0_u64..4, 0_u16..80)
            .prop_map(|(meter, back, percent)| Step::Raise { meter, back, percent }),
        1 => (0..METERS, 0_u64..4, 0_u16..80)
            .prop_map(|(meter, back, percent)| Step::Exactly { meter, back, percent }),
        1 => Just(Step::Read),
    ]
}

/// One meter, or several.
fn some() -> impl Strategy<Value = u8> {
    prop_oneof![(0..METERS).prop_map(|meter| 1_u8 << meter), 0_u8..1 << METERS]
}

fn amounts() -> impl Strategy<Value = Each> {
    let amount = || prop_oneof![1 => Just(0_u16), 8 => 0_u16..40, 1 => 0_u16..130];
    [amount(), amount(), amount(), amount(), amount(), amount()]
}
