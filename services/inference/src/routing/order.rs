//! In which order the targets of a group are tried.
//!
//! First an order that spreads: at random by weight, or, for a conversation whose prompt is in a cache, by weighted
//! rendezvous hashing, which prefers the same target in every replica and moves few conversations when targets come and
//! go. Then the strategy sorts, and equals stay as they were.

use outcrop_types::{Money, Strategy};

use super::Candidate;

/// What an in-flight count is multiplied by, so that it can be divided by a weight.
const SCALE: u64 = 1_000_000;

/// A target and its share.
#[derive(Debug, Clone)]
pub(super) struct Weighed {
    pub(super) candidate: Candidate,
    pub(super) weight: u32,
}

/// How a group chooses, for one request.
pub(super) struct Choice<'a> {
    pub(super) strategy: Strategy,
    /// What all requests of the conversation have in common, if they shall find the same target.
    pub(super) conversation: Option<u64>,
    /// Drawn anew for each request.
    pub(super) seed: u64,
    /// What the request costs there, where that is known.
    pub(super) cost: &'a dyn Fn(&Candidate) -> Option<Money>,
}

/// Puts the targets of a group in the order in which they are tried.
pub(super) fn order(targets: &mut [Weighed], choice: &Choice<'_>) {
    if choice.strategy == Strategy::Ordered {
        return;
    }
    match choice.conversation {
        Some(conversation) => {
            spread(targets, |_, it| mix(conversation ^ hash(it.candidate.state.name())));
        }
        None => spread(targets, |place, _| mix(choice.seed ^ mix(place))),
    }
    // A cache that is found again is worth more than a little haste.
    let is_free = choice.conversation.is_none();
    match choice.strategy {
        Strategy::LeastLatency if is_free => {
            // Of numbers that are not negative the bits are in the same order.
            targets.sort_by_cached_key(|it| (it.candidate.state.expected_ms().to_bits(), busy(it)));
        }
        Strategy::LeastBusy if is_free => targets.sort_by_cached_key(busy),
        Strategy::Cheapest => {
            targets.sort_by_cached_key(|it| {
                let cost = (choice.cost)(&it.candidate);
                (cost.is_none(), cost)
            });
        }
        Strategy::Weighted | Strategy::Ordered | Strategy::LeastLatency | Strategy::LeastBusy => {}
    }
}

/// How busy a target would be with one more call, by its weight.
fn busy(target: &Weighed) -> u64 {
    let calls = u64::from(target.candidate.state.in_flight()) + 1;
    calls.saturating_mul(SCALE) / u64::from(target.weight.max(1))
}

/// Sorts by `-ln(u) / weight`, which puts each first as often as its weight says, and so on among the rest (Efraimidis and
/// Spirakis, "Weighted random sampling with a reservoir"; of hashes it is weighted rendezvous hashing).
fn spread(targets: &mut [Weighed], draw: impl Fn(u64, &Weighed) -> u64) {
    let mut keyed: Vec<(f64, Weighed)> = (0..)
        .zip(targets.iter())
        .map(|(place, it)| (-unit(draw(place, it)).ln() / f64::from(it.weight.max(1)), it.clone()))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (slot, (_, target)) in targets.iter_mut().zip(keyed) {
        *slot = target;
    }
}

/// A number above 0, up to 1.
fn unit(draw: u64) -> f64 {
    // 32 bits are enough to tell targets apart, and fit a float exactly.
    let high = u32::try_from(draw >> 32).unwrap_or(u32::MAX);
    (f64::from(high) + 1.0) / (f64::from(u32::MAX) + 1.0)
}

/// FNV-1a: the same in every process and every version.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The finish of SplitMix64: every bit of what comes in is in every bit of what goes out.
const fn mix(value: u64) -> u64 {
    let mut value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
