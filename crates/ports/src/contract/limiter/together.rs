//! Many at once.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::calls::{LONGEST, begin, hold, settle, stands};
use super::meters::{START, concurrency, id, money, requests, tokens};
use crate::contract::at_once;
use crate::{Admission, Ask, Limiter, Meter};

/// How long anything may take: a server on a busy machine is not quick.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn keeps(limiter: Arc<dyn Limiter>) {
    no_more_are_let_in_than_fit(&limiter).await;
    crossing_meters_come_to_an_end(&limiter).await;
    nobody_ever_sees_more_than_the_limit(&limiter).await;
    settling_at_once_counts_once(&limiter).await;
}

async fn tried(limiter: &dyn Limiter, calls: &[uuid::Uuid], meters: &[Meter]) -> bool {
    let ask = Ask { calls, meters, now: START, longest: LONGEST };
    matches!(limiter.reserve(&ask).await.unwrap(), Admission::Admitted { .. })
}

async fn no_more_are_let_in_than_fit(limiter: &Arc<dyn Limiter>) {
    let meters = Arc::new([tokens(250, 10), requests(1_000), concurrency(1_000)]);
    let let_in = at_once(80, |_| {
        let (limiter, meters) = (Arc::clone(limiter), Arc::clone(&meters));
        async move { tried(&*limiter, &[id()], &*meters).await }
    });
    let let_in = let_in.await.into_iter().filter(|it| *it).count();
    assert_eq!(let_in, 25);
    for (meter, held) in meters.iter().zip([250, 25, 25]) {
        assert_eq!(stands(&**limiter, meter, START).await, (0, held));
    }
}

/// A limiter that locks meter by meter must not lock two of them against each other.
async fn crossing_meters_come_to_an_end(limiter: &Arc<dyn Limiter>) {
    let forth: Vec<Meter> = (0..6).map(|_| requests(1_000)).collect();
    let back: Vec<Meter> = forth.iter().rev().cloned().collect();
    let both = [Arc::new(forth), Arc::new(back)];
    let all = at_once(100, |number| {
        let (limiter, meters) = (Arc::clone(limiter), Arc::clone(&both[number as usize % 2]));
        async move { tried(&*limiter, &[id()], &meters).await }
    });
    let all = tokio::time::timeout(PATIENCE, all).await.expect("no deadlock");
    assert!(all.into_iter().all(|let_in| let_in));
}

/// Callers that come, work and go, while others look on.
async fn nobody_ever_sees_more_than_the_limit(limiter: &Arc<dyn Limiter>) {
    const CALLERS: u32 = 24;
    let meters = Arc::new([money(START, 300, 20), tokens(2_000, 30), concurrency(5)]);
    begin(&**limiter, &meters[0], &[(START, 40)], START).await;
    let used = Arc::new([const { AtomicU64::new(0) }; 2]);
    let done = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (limiter, meters, done) = (Arc::clone(limiter), Arc::clone(&meters), Arc::clone(&done));
        async move {
            while !done.load(Ordering::Acquire) {
                for state in limiter.read(&*meters, START).await.unwrap() {
                    assert!(state.settled + state.held <= state.limit, "{state:?}");
                }
                tokio::task::yield_now().await;
            }
        }
    });
    let calling = at_once(CALLERS, |number| {
        let (limiter, meters, used) = (Arc::clone(limiter), Arc::clone(&meters), Arc::clone(&used));
        async move { work(&*limiter, &*meters, &used, u64::from(number)).await }
    });
    let calls: usize = tokio::time::timeout(PATIENCE, calling).await.expect("an end").into_iter().sum();
    done.store(true, Ordering::Release);
    watching.await.unwrap();
    assert!(calls >= 13, "the money is enough for thirteen at least, and for more as not all of it is used");
    let [spent, tokens] = [0, 1].map(|at| used[at].load(Ordering::Acquire));
    assert_eq!(stands(&**limiter, &meters[0], START).await, (40 + spent, 0));
    assert_eq!(stands(&**limiter, &meters[1], START).await, (tokens, 0));
    assert_eq!(stands(&**limiter, &meters[2], START).await, (0, 0));
}

/// Calls until the money is gone; how often it was let in.
async fn work(limiter: &dyn Limiter, meters: &[Meter], used: &[AtomicU64; 2], number: u64) -> usize {
    let mut let_in = 0;
    for round in 0.. {
        let calls = [id()];
        let ask = Ask { calls: &calls, meters, now: START, longest: LONGEST };
        match limiter.reserve(&ask).await.unwrap() {
            Admission::Admitted { states } => {
                assert!(states.iter().all(|state| state.settled + state.held <= state.limit), "{states:?}");
                let_in += 1;
                tokio::task::yield_now().await;
                let (spent, tokens) = ((number + round) % 21, (number * 7 + round) % 31);
                used[0].fetch_add(spent, Ordering::AcqRel);
                used[1].fetch_add(tokens, Ordering::AcqRel);
                settle(limiter, &hold(calls[0], meters, START), &[spent, tokens, 1], START).await;
            }
            Admission::Refused { full: 0, states, .. } if states[0].held == 0 => break,
            Admission::Refused { .. } => tokio::task::yield_now().await,
            other => panic!("its past is known: {other:?}"),
        }
    }
    let_in
}

async fn settling_at_once_counts_once(limiter: &Arc<dyn Limiter>) {
    let meter = tokens(1_000, 100);
    for reserved in [true, false] {
        let call = hold(id(), std::slice::from_ref(&meter), START);
        if reserved {
            assert!(tried(&**limiter, &[call.call], &call.meters).await);
        }
        at_once(20, |_| {
            let (limiter, hold) = (Arc::clone(limiter), call.clone());
            let settlement = crate::Settlement { hold, used: vec![30], unreserved: !reserved };
            async move { limiter.settle(&[settlement], START).await.unwrap() }
        })
        .await;
    }
    assert_eq!(stands(&**limiter, &meter, START).await, (60, 0));
}
