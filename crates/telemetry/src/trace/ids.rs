//! The ids of traces and spans.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{SpanId, TraceId};
use rand::rngs::{SmallRng, SysRng};
use rand::{Rng as _, SeedableRng as _};

thread_local! {
    /// Ids are no secrets: they need be random, not hard to guess. It has nothing to drop, and is made without the thread's own
    /// generator, which has: so it is there until the thread's end.
    static RANDOM: RefCell<SmallRng> = RefCell::new(seeded());
}

#[expect(clippy::expect_used, reason = "a system without randomness has no TLS and no keys either")]
fn seeded() -> SmallRng {
    SmallRng::try_from_rng(&mut SysRng).expect("the system has randomness")
}

/// X-Ray's ids, which begin with the time, four bytes of seconds
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids>).
pub(super) fn new_trace(now: SystemTime) -> TraceId {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // They need a fifth byte from the year 2106 on.
    let seconds = since.as_secs() as u32;
    let (high, low): (u32, u64) = RANDOM.with_borrow_mut(|random| (random.next_u32(), random.next_u64()));
    // Zeros alone would be no id.
    TraceId::from((u128::from(seconds) << 96 | u128::from(high) << 64 | u128::from(low)).max(1))
}

pub(super) fn new_span() -> SpanId {
    SpanId::from(RANDOM.with_borrow_mut(|random| random.next_u64()).max(1))
}
