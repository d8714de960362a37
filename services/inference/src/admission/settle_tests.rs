//! What has ended is settled, whenever the limiter can be asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_embedded::{MemoryLimiter, SystemClock};
use outcrop_ports::{Ask, Clock as _, Hold, Kind, Limiter as _, Meter, Settlement, Window};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::budgets::Budgets;
use super::settle::{Ending, Settler, WAITING};
use super::test_limiter::TestLimiter;
use super::{meters, since_epoch};

fn tokens() -> Meter {
    let window = Window::Sliding { length_ms: 60_000 };
    Meter { name: "tokens".into(), kind: Kind::Tokens, window, limit: 1_000, amount: 100 }
}

fn ended(call: u128, used: u64) -> Ending {
    ended_of(call, used, tokens())
}

fn ended_of(call: u128, used: u64, meter: Meter) -> Ending {
    let at_ms = meters::millis(SystemClock::default().now());
    let hold = Hold { call: Uuid::from_u128(call), at_ms, meters: vec![meter] };
    Ending::Shared(Settlement { hold, used: vec![used], unreserved: false })
}

fn settler(limiter: &Arc<TestLimiter>) -> Arc<Settler> {
    let local = Arc::new(MemoryLimiter::with_capacity(10));
    let (clock, budgets) = (Arc::new(SystemClock::default()), Arc::new(Budgets::default()));
    Arc::new(Settler::new(limiter.clone(), local, clock, budgets))
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_the_limiter_is_away_is_settled_once_when_it_is_back() {
    let limiter = Arc::new(TestLimiter::default());
    let (settler, stop) = (settler(&limiter), CancellationToken::new());
    let now = since_epoch(&SystemClock::default());
    let calls = [1, 2].map(Uuid::from_u128);
    let ask = Ask { calls: &calls, meters: &[tokens()], now, longest: Duration::from_secs(600) };
    limiter.reserve(&ask).await.unwrap();
    limiter.set_away(true);
    let running = tokio::spawn({
        let (settler, stop) = (Arc::clone(&settler), stop.clone());
        async move { settler.run(&stop).await }
    });
    settler.settle(ended(1, 30));
    sleep(Duration::from_secs(60)).await;
    settler.settle(ended(2, 5));
    let tries = limiter.tries.load(Ordering::SeqCst);
    assert!((10..50).contains(&tries), "pauses grow: {tries}");
    limiter.set_away(false);
    sleep(Duration::from_secs(10)).await;
    let state = limiter.read(&[tokens()], now).await.unwrap()[0];
    assert_eq!((state.settled, state.held), (35, 0));
    assert_eq!(limiter.settled.load(Ordering::SeqCst), 2, "each once");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn little_is_settled_together_and_much_at_once() {
    let limiter = Arc::new(TestLimiter::default());
    let (settler, stop) = (settler(&limiter), CancellationToken::new());
    let running = tokio::spawn({
        let (settler, stop) = (Arc::clone(&settler), stop.clone());
        async move { settler.run(&stop).await }
    });
    let little = Meter { amount: 1, ..tokens() };
    let mut settled = Vec::new();
    for (call, meter) in [&little, &little, &little, &tokens()].into_iter().enumerate() {
        settler.settle(ended_of(call as u128, 1, meter.clone()));
        // No timer of a paused clock goes off within it.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        settled.push(limiter.settled.load(Ordering::SeqCst));
    }
    assert_eq!(settled, [1, 1, 1, 4], "the first found nobody at work, the last held a tenth of its limit");
    settler.settle(ended_of(9, 1, little));
    sleep(Duration::from_millis(4)).await;
    assert_eq!(limiter.settled.load(Ordering::SeqCst), 5, "nothing waits for long");
    assert_eq!(limiter.tries.load(Ordering::SeqCst), 3);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn what_waits_is_bounded_and_never_waited_for() {
    let limiter = Arc::new(TestLimiter::default());
    let settler = settler(&limiter);
    for call in 0..WAITING + 3 {
        settler.settle(ended(call as u128, 1));
    }
    assert_eq!(settler.lost.load(Ordering::SeqCst), 3);
    let stop = CancellationToken::new();
    stop.cancel();
    settler.run(&stop).await;
    assert_eq!(limiter.settled.load(Ordering::SeqCst), WAITING, "at the end what has waited is settled");
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_no_limiter_that_stays_away() {
    let limiter = Arc::new(TestLimiter::default());
    limiter.set_away(true);
    let (settler, stop) = (settler(&limiter), CancellationToken::new());
    settler.settle(ended(1, 30));
    stop.cancel();
    let began = Instant::now();
    settler.run(&stop).await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(limiter.settled.load(Ordering::SeqCst), 0);
}
