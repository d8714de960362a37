//! Asking a limiter, in few words.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use uuid::Uuid;

use super::meters::{id, millis};
use crate::{Admission, Ask, Hold, Limiter, Meter, MeterState, Seed, SeedMode, Settlement, Unseeded};

/// How long a call lasts at most.
pub(super) const LONGEST: Duration = Duration::from_secs(50);

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) full: usize,
    pub(super) retry_after: Option<Duration>,
    pub(super) states: Vec<MeterState>,
}

/// Asks for so many calls that last [`LONGEST`].
pub(super) async fn ask(limiter: &dyn Limiter, calls: &[Uuid], meters: &[Meter], now: Duration) -> Admission {
    limiter.reserve(&Ask { calls, meters, now, longest: LONGEST }).await.unwrap()
}

/// Lets one call in, which must succeed.
pub(super) async fn open(limiter: &dyn Limiter, meters: &[Meter], now: Duration) -> Hold {
    opened(limiter, meters, now).await.0
}

/// The same, with where the limits stand then.
pub(super) async fn opened(
    limiter: &dyn Limiter,
    meters: &[Meter],
    now: Duration,
) -> (Hold, Vec<MeterState>) {
    let call = id();
    match ask(limiter, &[call], meters, now).await {
        Admission::Admitted { states } => (hold(call, meters, now), states),
        other => panic!("expected an admission at {now:?}, got {other:?}"),
    }
}

/// What a call holds.
pub(super) fn hold(call: Uuid, meters: &[Meter], now: Duration) -> Hold {
    Hold { call, at_ms: millis(now), meters: meters.to_vec() }
}

/// Whether a call is let in; it is left to run out.
pub(super) async fn admitted(limiter: &dyn Limiter, meters: &[Meter], now: Duration) -> bool {
    matches!(ask(limiter, &[id()], meters, now).await, Admission::Admitted { .. })
}

/// Asks for one call, which must be refused.
pub(super) async fn refused(limiter: &dyn Limiter, meters: &[Meter], now: Duration) -> Refusal {
    refusal(ask(limiter, &[id()], meters, now).await)
}

pub(super) fn refusal(admission: Admission) -> Refusal {
    match admission {
        Admission::Refused { full, retry_after, states } => Refusal { full, retry_after, states },
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Asks for one call, which must be unseeded in just one meter; the calls settled there.
pub(super) async fn unseeded(limiter: &dyn Limiter, meters: &[Meter], now: Duration) -> Vec<Uuid> {
    match ask(limiter, &[id()], meters, now).await {
        Admission::Unseeded { meters } if meters.len() == 1 => {
            let Unseeded { mut settled, .. } = meters.into_iter().next().unwrap();
            settled.sort();
            settled
        }
        other => panic!("expected an unknown past, got {other:?}"),
    }
}

/// Settles a call that was reserved.
pub(super) async fn settle(limiter: &dyn Limiter, hold: &Hold, used: &[u64], now: Duration) {
    let settlement = Settlement { hold: hold.clone(), used: used.to_vec(), unreserved: false };
    limiter.settle(&[settlement], now).await.unwrap();
}

/// Settles a call of which it is not known whether it was reserved.
pub(super) async fn settle_unreserved(limiter: &dyn Limiter, hold: &Hold, used: &[u64], now: Duration) {
    let settlement = Settlement { hold: hold.clone(), used: used.to_vec(), unreserved: true };
    limiter.settle(&[settlement], now).await.unwrap();
}

/// Tells the past of a meter that has none, nobody having been settled since.
pub(super) async fn begin(limiter: &dyn Limiter, meter: &Meter, spent: &[(Duration, u64)], now: Duration) {
    assert!(seed(limiter, meter, spent, SeedMode::Begin { settled: 0 }, now).await, "it has no past yet");
}

/// Tells what was spent.
pub(super) async fn seed(
    limiter: &dyn Limiter,
    meter: &Meter,
    spent: &[(Duration, u64)],
    mode: SeedMode,
    now: Duration,
) -> bool {
    let spent = spent.iter().map(|(at, amount)| (millis(*at), *amount)).collect();
    limiter.seed(meter, &Seed { spent, mode }, now).await.unwrap()
}

/// Where a meter stands: settled and held.
pub(super) async fn stands(limiter: &dyn Limiter, meter: &Meter, now: Duration) -> (u64, u64) {
    let states = limiter.read(std::slice::from_ref(meter), now).await.unwrap();
    (states[0].settled, states[0].held)
}
