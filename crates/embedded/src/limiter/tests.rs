use std::sync::Arc;

use outcrop_ports::{Hold, Kind, Limiter, SeedMode, Window, contract};

use super::*;

const START: Duration = Duration::from_secs(86_400 * 46_300);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_limiter_keeps_the_contract() {
    contract::limiter(|| async { Arc::new(MemoryLimiter::default()) as Arc<dyn Limiter> }).await;
}

#[tokio::test]
async fn memory_limiter_decides_as_the_plain_account_does() {
    contract::limiter_against_oracle(&MemoryLimiter::default(), 1, 256).await;
}

fn id(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

fn tokens(name: impl Into<String>, limit: u64) -> Meter {
    let window = Window::Sliding { length_ms: 60_000 };
    Meter { name: name.into(), kind: Kind::Tokens, window, limit, amount: 1 }
}

fn rolling_money(name: &str) -> Meter {
    let window = Window::Rolling { slot_ms: 60_000, slots: 3 };
    Meter { kind: Kind::Money, window, ..tokens(name, 1_000) }
}

async fn admitted(limiter: &MemoryLimiter, call: u32, meters: &[Meter], now: Duration) -> bool {
    let ask = Ask { calls: &[id(call)], meters, now, longest: MINUTE };
    matches!(limiter.reserve(&ask).await.unwrap(), Admission::Admitted { .. })
}

async fn settle(limiter: &MemoryLimiter, call: u32, meters: &[Meter], used: u64, now: Duration) {
    let at_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let hold = Hold { call: id(call), at_ms, meters: meters.to_vec() };
    let settlement = Settlement { hold, used: vec![used; meters.len()], unreserved: false };
    limiter.settle(&[settlement], now).await.unwrap();
}

async fn stands(limiter: &MemoryLimiter, meter: &Meter, now: Duration) -> (u64, u64) {
    let state = limiter.read(std::slice::from_ref(meter), now).await.unwrap()[0];
    (state.settled, state.held)
}

async fn seed(limiter: &MemoryLimiter, meter: &Meter, spent: &[(Duration, u64)], now: Duration) -> bool {
    let spent = spent.iter().map(|(at, it)| (u64::try_from(at.as_millis()).unwrap(), *it)).collect();
    limiter.seed(meter, &Seed { spent, mode: SeedMode::Begin { settled: 0 } }, now).await.unwrap()
}

#[tokio::test]
async fn names_are_bounded_but_not_those_that_are_held() {
    let limiter = MemoryLimiter::with_capacity(3);
    let held = [tokens("held", 1), tokens("held too", 1)];
    assert!(admitted(&limiter, 0, &held, START).await);
    for number in 1..1_000 {
        let meters = [tokens(format!("counted {number}"), 1)];
        limiter.count(&meters, START + SECOND).await.unwrap();
    }
    assert_eq!(limiter.lock().books.len(), 3);
    for meter in &held {
        assert_eq!(stands(&limiter, meter, START + SECOND).await, (0, 1), "whoever else was counted");
    }
    settle(&limiter, 0, &held, 1, START + SECOND).await;
    for number in 1_000..1_010 {
        limiter.count(&[tokens(format!("counted {number}"), 1)], START + MINUTE).await.unwrap();
    }
    assert_eq!(stands(&limiter, &held[0], START + SECOND).await, (0, 0), "now it may be forgotten");
    assert_eq!(limiter.lock().books.len(), 3);
}

/// A new name does not take the place of one that is asked for together with it.
#[tokio::test]
async fn room_is_not_made_among_those_that_are_asked_for() {
    let limiter = MemoryLimiter::with_capacity(2);
    let (old, new) = (tokens("old", 2), tokens("new", 9));
    limiter.count(std::slice::from_ref(&old), START).await.unwrap();
    limiter.count(&[tokens("other", 9)], START + SECOND).await.unwrap();
    assert!(admitted(&limiter, 1, &[new.clone(), old.clone()], START + SECOND * 2).await);
    assert_eq!(stands(&limiter, &old, START + SECOND * 2).await, (1, 1));
    assert!(!admitted(&limiter, 2, &[new, old], START + SECOND * 2).await);
}

/// Money can be asked for again, so its names go before those whose counts would be lost.
#[tokio::test]
async fn money_that_is_not_spent_is_forgotten_first() {
    let limiter = MemoryLimiter::with_capacity(2);
    let (money, hour) = (
        rolling_money("money"),
        Meter { window: Window::Sliding { length_ms: 3_600_000 }, ..tokens("hour", 5) },
    );
    let money = Meter { window: Window::Rolling { slot_ms: 86_400_000, slots: 30 }, ..money };
    limiter.count(std::slice::from_ref(&hour), START).await.unwrap();
    assert!(seed(&limiter, &money, &[], START + MINUTE).await);
    limiter.count(&[tokens("another", 5)], START + MINUTE).await.unwrap();
    assert_eq!(stands(&limiter, &hour, START + MINUTE).await, (1, 0));
    assert!(!admitted(&limiter, 1, &[money], START + MINUTE).await, "its past is asked for");
}

#[tokio::test]
async fn calls_under_way_are_bounded() {
    let limiter = MemoryLimiter::bounded(10, 3, 2);
    let meters = [tokens("many", u64::MAX)];
    for call in 0..3 {
        assert!(admitted(&limiter, call, &meters, START).await);
    }
    let ask = Ask { calls: &[id(3)], meters: &meters, now: START, longest: MINUTE };
    let refused = limiter.reserve(&ask).await.unwrap_err();
    assert_eq!(refused.failure, outcrop_ports::PortFailure::Unavailable);
    assert_eq!(stands(&limiter, &meters[0], START).await, (0, 3), "nothing was taken");
    for call in 3..100 {
        let nothing = Ask { calls: &[id(call)], meters: &[], now: START, longest: MINUTE };
        assert!(matches!(limiter.reserve(&nothing).await, Ok(Admission::Admitted { .. })), "holds nothing");
    }
    assert!(admitted(&limiter, 4, &meters, START + MINUTE).await, "the others are over");
    let state = limiter.lock();
    assert_eq!((state.leases.len(), state.by_end.len()), (1, 1));
}

#[tokio::test]
async fn an_id_that_comes_twice_holds_once() {
    let limiter = MemoryLimiter::default();
    let meters = [tokens("twice", 9)];
    for now in [START, START + SECOND, START + MINUTE * 5] {
        assert!(admitted(&limiter, 1, &meters, now).await);
        assert_eq!(stands(&limiter, &meters[0], now).await, (0, 1));
    }
    let now = START + MINUTE * 5;
    settle(&limiter, 1, &meters, 3, now).await;
    settle(&limiter, 1, &meters, 3, now).await;
    assert_eq!(stands(&limiter, &meters[0], now).await, (3, 0));
}

/// Somewhere in the middle of what went wrong the answer to a reservation came after its call's settlement.
#[tokio::test]
async fn a_reservation_after_the_settlement_is_not_counted_again() {
    let limiter = MemoryLimiter::default();
    let meters = [tokens("late", 9)];
    let at_ms = u64::try_from(START.as_millis()).unwrap();
    let hold = Hold { call: id(1), at_ms, meters: meters.to_vec() };
    let settlement = [Settlement { hold, used: vec![4], unreserved: true }];
    limiter.settle(&settlement, START).await.unwrap();
    assert!(admitted(&limiter, 1, &meters, START).await);
    limiter.settle(&settlement, START).await.unwrap();
    assert_eq!(stands(&limiter, &meters[0], START).await, (4, 0));
}

/// A clock that was years ahead for a moment takes nothing away, or it is asked for again.
#[tokio::test]
async fn a_clock_that_was_far_ahead_loses_no_money() {
    let limiter = MemoryLimiter::default();
    let meter = rolling_money("ahead");
    let one = std::slice::from_ref(&meter);
    assert!(seed(&limiter, &meter, &[(START - MINUTE, 700)], START).await);
    assert!(admitted(&limiter, 1, one, START).await);
    assert!(admitted(&limiter, 2, one, START + MINUTE * 1_000_000).await);
    settle(&limiter, 2, one, 5, START + MINUTE * 1_000_000).await;
    assert!(!admitted(&limiter, 3, one, START).await, "what was forgotten is not known");
    let now = START + SECOND;
    assert!(seed(&limiter, &meter, &[(START - MINUTE, 700), (START, 40)], now).await);
    assert_eq!(stands(&limiter, &meter, now).await, (740, 0));
}

/// Slots are forgotten as time goes on, also while an old call is still under way.
#[tokio::test]
async fn slots_are_bounded() {
    let limiter = MemoryLimiter::default();
    let short = Meter { window: Window::Sliding { length_ms: 1_000 }, ..tokens("short", 9) };
    let ask = Ask { calls: &[id(0)], meters: std::slice::from_ref(&short), now: START, longest: MINUTE * 60 };
    limiter.reserve(&ask).await.unwrap();
    for second in 0..600 {
        limiter.count(std::slice::from_ref(&short), START + SECOND * second).await.unwrap();
        let day = Window::Calendar { from_ms: u64::from(second), until_ms: u64::from(second) + 1 };
        let day = Meter { window: day, ..rolling_money("days") };
        assert!(seed(&limiter, &day, &[], START).await || second > 0);
        limiter.count(&[day], START).await.unwrap();
    }
    assert!(limiter.lock().books.slots() < 20, "{}", limiter.lock().books.slots());
    assert_eq!(stands(&limiter, &short, START).await, (1, 1), "what is held stays");
    settle(&limiter, 0, std::slice::from_ref(&short), 2, START).await;
    assert_eq!(stands(&limiter, &short, START).await, (3, 0));
}

/// Any numbers are fine: nothing overflows, and nothing is let in that is more than the limit.
#[tokio::test]
async fn any_numbers_are_fine() {
    let limiter = MemoryLimiter::default();
    let numbers = [0, 1, 59_999, u64::from(u32::MAX), 1 << 53, u64::MAX];
    let mut call = 0;
    for (at, length) in numbers.into_iter().flat_map(|at| numbers.map(|length| (at, length))) {
        let windows = [
            Window::Sliding { length_ms: length },
            Window::Open,
            Window::Calendar { from_ms: at, until_ms: length },
            Window::Rolling { slot_ms: length, slots: u32::MAX },
        ];
        for window in windows {
            let now = if at == u64::MAX { Duration::MAX } else { Duration::from_millis(at) };
            let meter = Meter { window, limit: length, amount: at, ..tokens(format!("{at} {length}"), 0) };
            call += 1;
            let one = std::slice::from_ref(&meter);
            let ask = Ask { calls: &[id(call)], meters: one, now, longest: Duration::MAX };
            let let_in = matches!(limiter.reserve(&ask).await.unwrap(), Admission::Admitted { .. });
            assert!(!let_in || at <= length.min(window::most(window)), "{meter:?}");
            settle(&limiter, call, one, u64::MAX, now).await;
            assert_eq!(stands(&limiter, &meter, now).await.1, 0, "{meter:?}");
        }
    }
}
