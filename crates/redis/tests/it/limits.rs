//! What tests of limits share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use outcrop_ports::{
    Admission, Ask, Hold, IdGen, Kind, Limiter, Meter, MeterState, PortError, PortFailure, Seed, SeedMode,
    Settlement, Window,
};
use outcrop_redis::{LimiterOptions, RedisLimiter, RedisOptions};
use uuid::Uuid;

/// Time enough for a call on a machine that is busy with other tests.
pub(crate) const PATIENT: RedisOptions = RedisOptions {
    timeout: Duration::from_secs(10),
    connect_timeout: Duration::from_secs(10),
    failures_to_open: 5,
    cool_down: Duration::from_millis(200),
};

/// Short bounds, for tests that stop servers.
pub(crate) const BRISK: RedisOptions = RedisOptions {
    timeout: Duration::from_millis(500),
    connect_timeout: Duration::from_secs(1),
    failures_to_open: 5,
    cool_down: Duration::from_millis(100),
};

/// Some time; limits only compare.
pub(crate) const NOW: Duration = Duration::from_secs(3_600_000);
/// How long calls may last.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);
/// Longer than anything here takes that does not fail.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// No two ids are alike, in other processes either.
pub(crate) struct Ids;

impl IdGen for Ids {
    fn uuid(&self) -> Uuid {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Uuid::from_u64_pair(u64::from(std::process::id()), LAST.fetch_add(1, Ordering::Relaxed))
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

/// No grace, and a namespace of its own.
pub(crate) fn options() -> LimiterOptions {
    LimiterOptions {
        namespace: format!("test-{}", Ids.uuid()),
        grace: Duration::ZERO,
        ..LimiterOptions::default()
    }
}

pub(crate) fn connect(url: &str, redis: RedisOptions, limits: &LimiterOptions) -> RedisLimiter {
    RedisLimiter::connect(url, redis, limits, &Ids).expect("a good URL")
}

pub(crate) fn meter(name: &str, kind: Kind, limit: u64, amount: u64) -> Meter {
    let window = match kind {
        Kind::Requests | Kind::Tokens => Window::Sliding { length_ms: 60_000 },
        Kind::Concurrency => Window::Open,
        Kind::Money => Window::Calendar { from_ms: 3_000_000_000, until_ms: 4_000_000_000 },
    };
    Meter { name: name.to_owned(), kind, window, limit, amount }
}

/// Asks for one call.
pub(crate) async fn reserve(
    limiter: &RedisLimiter,
    meters: &[Meter],
) -> Result<(Hold, Admission), PortError> {
    let call = Ids.uuid();
    let ask = Ask { calls: &[call], meters, now: NOW, longest: LONGEST };
    let admission = limiter.reserve(&ask).await?;
    let at_ms = u64::try_from(NOW.as_millis()).expect("small");
    Ok((Hold { call, at_ms, meters: meters.to_vec() }, admission))
}

/// The call if it was let in.
pub(crate) async fn admitted(limiter: &RedisLimiter, meters: &[Meter]) -> Option<Hold> {
    match reserve(limiter, meters).await.expect("Redis is there") {
        (hold, Admission::Admitted { .. }) => Some(hold),
        (_, Admission::Refused { .. }) => None,
        (_, Admission::Unseeded { .. }) => panic!("its past is not known"),
    }
}

pub(crate) fn used(hold: &Hold, used: &[u64]) -> Settlement {
    Settlement { hold: hold.clone(), used: used.to_vec(), unreserved: false }
}

pub(crate) async fn settle(limiter: &RedisLimiter, settlement: Settlement) {
    limiter.settle(&[settlement], NOW).await.expect("Redis is there");
}

pub(crate) async fn state(limiter: &RedisLimiter, meter: &Meter) -> MeterState {
    limiter.read(std::slice::from_ref(meter), NOW).await.expect("Redis is there")[0]
}

/// Settled and held.
pub(crate) async fn stands(limiter: &RedisLimiter, meter: &Meter) -> (u64, u64) {
    let state = state(limiter, meter).await;
    (state.settled, state.held)
}

/// Tells that so much was spent before.
pub(crate) async fn seed(limiter: &RedisLimiter, meter: &Meter, spent: u64, settled: usize) -> bool {
    let Window::Calendar { from_ms, .. } = meter.window else { panic!("it has no past") };
    let seed = Seed { spent: vec![(from_ms, spent)], mode: SeedMode::Begin { settled } };
    limiter.seed(meter, &seed, NOW).await.expect("Redis is there")
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !check().await {
        assert!(started.elapsed() < SOON, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether it failed for now.
pub(crate) fn is_away<T: std::fmt::Debug>(answer: &Result<T, PortError>) -> bool {
    answer.as_ref().is_err_and(|error| error.failure == PortFailure::Unavailable)
}
