//! One call, many who hear it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;

use super::*;

const KEY: CacheKey = [1; 32];

fn piece(number: usize, bytes: usize) -> Bytes {
    let mut piece = vec![0; bytes.max(8)];
    piece[..8].copy_from_slice(&number.to_be_bytes());
    piece.into()
}

fn lead(flights: &Arc<Flights<Bytes>>) -> (Follower<Bytes>, Leader<Bytes>) {
    match flights.board(KEY) {
        Boarding::Leads(follower, leader) => (follower, leader),
        Boarding::Follows(_) => panic!("nobody leads yet"),
    }
}

async fn heard(follower: Follower<Bytes>) -> Vec<Result<Bytes, ModelFailure>> {
    follower.map(|it| it.map_err(|error| error.failure)).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everybody_hears_all_whenever_they_join() {
    let flights = Arc::<Flights<Bytes>>::default();
    let (first, leader) = lead(&flights);
    let mut all = vec![tokio::spawn(heard(first))];
    for number in 0..200 {
        all.push(tokio::spawn(heard(flights.join(&KEY).expect("it is under way"))));
        leader.push(piece(number, 10)).await;
        if number % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let expected: Vec<_> = (0..200).map(|number| Ok(piece(number, 10))).collect();
    leader.end(None);
    assert!(flights.join(&KEY).is_none(), "it is over");
    for heard in all {
        assert_eq!(heard.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn the_call_ends_with_the_last_one_and_not_before() {
    let flights = Arc::<Flights<Bytes>>::default();
    let (first, leader) = lead(&flights);
    let ended = Arc::new(AtomicBool::new(false));
    struct Ends(Arc<AtomicBool>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let call = Ends(Arc::clone(&ended));
    let task = tokio::spawn(async move {
        let _call = call;
        leader.push(piece(0, 10)).await;
        std::future::pending::<()>().await;
        leader.end(None);
    });
    first.flown_by(task.abort_handle());
    let mut second = flights.join(&KEY).expect("it is under way");
    drop(first);
    assert!(second.next().await.is_some(), "whoever asked first has gone, and the call has not");
    assert!(!ended.load(Ordering::SeqCst));
    drop(second);
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(ended.load(Ordering::SeqCst));
    assert!(flights.join(&KEY).is_none());
    assert!(matches!(flights.board(KEY), Boarding::Leads(..)), "the next one asks anew");
}

#[tokio::test]
async fn a_failure_is_everybodys() {
    let flights = Arc::<Flights<Bytes>>::default();
    let (mut first, leader) = lead(&flights);
    let mut second = flights.join(&KEY).expect("it is under way");
    leader.refused(ChatError::from(failure(ModelFailure::Throttled, "slow down")), false);
    drop(leader);
    for follower in [&mut first, &mut second] {
        let error = follower.begun().await.unwrap_err();
        assert!(
            matches!(error, Refused::All(ChatError::Model { source, .. }) if source.failure == ModelFailure::Throttled)
        );
    }
    let (first, leader) = lead(&flights);
    let second = flights.join(&KEY).expect("it is under way");
    leader.push(piece(0, 10)).await;
    leader.end(Some(failure(ModelFailure::Broken, "cut")));
    for follower in [first, second] {
        assert_eq!(heard(follower).await, [Ok(piece(0, 10)), Err(ModelFailure::Broken)]);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_first_is_nobody_elses() {
    let timed_out = || ChatError::from(failure(ModelFailure::TimedOut, "too late"));
    for (error, late, shared) in [
        (ChatError::PoliciesUnknown, false, false),
        (ChatError::Unguardable, false, false),
        (timed_out(), true, false),
        (timed_out(), false, true),
    ] {
        let flights = Arc::<Flights<Bytes>>::default();
        let (mut first, leader) = lead(&flights);
        let mut second = flights.join(&KEY).expect("it is under way");
        leader.refused(error, late);
        assert!(matches!(first.begun().await, Err(Refused::All(_))), "whoever asked first hears why");
        assert_eq!(matches!(second.begun().await, Err(Refused::All(_))), shared);
        assert!(matches!(flights.board(KEY), Boarding::Leads(..)), "the next one asks anew");
    }
}

/// Many followers, each reading at a pace of its own, and all of them at times not at all.
#[tokio::test(start_paused = true)]
async fn nobody_who_waits_is_forgotten() {
    for seed in 0..40_u64 {
        let flights = Arc::<Flights<Bytes>>::default();
        let (first, leader) = lead(&flights);
        let followers = std::iter::once(first).chain((0..40).filter_map(|_| flights.join(&KEY)));
        let tasks: Vec<_> = followers
            .enumerate()
            .map(|(at, mut follower)| {
                let mut random = seed * 977 + at as u64 * 31 + 7;
                tokio::spawn(async move {
                    let mut count = 0;
                    while let Some(piece) = follower.next().await {
                        assert_eq!(piece.unwrap(), piece_of(count));
                        count += 1;
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        match random >> 61 {
                            0 => tokio::time::sleep(Duration::from_millis(random >> 56)).await,
                            1 if at % 3 == 0 => tokio::time::sleep(Duration::from_secs(3)).await,
                            _ => {}
                        }
                    }
                    count
                })
            })
            .collect();
        for number in 0..60 {
            leader.push(piece_of(number)).await;
            if number % 7 == seed as usize % 7 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        leader.end(None);
        for task in tasks {
            let count = tokio::time::timeout(Duration::from_secs(1_000), task).await;
            assert_eq!(count.expect("it hears the end").unwrap(), 60, "{seed}");
        }
    }
}

/// Sixty of them are more than may be joined late, and less than anybody is left behind for.
fn piece_of(number: usize) -> Bytes {
    piece(number, 20 << 10)
}

#[tokio::test]
async fn a_task_that_is_gone_leaves_nobody_waiting() {
    let flights = Arc::<Flights<Bytes>>::default();
    let (mut first, leader) = lead(&flights);
    drop(leader);
    assert!(first.begun().await.is_err());
    assert_eq!(heard(first).await, [Err(ModelFailure::Internal)]);
}

#[tokio::test]
async fn who_is_slow_holds_nobody_up_and_memory_is_bounded() {
    const PIECE: usize = 64 << 10;
    let flights = Arc::<Flights<Bytes>>::default();
    let (slow, leader) = lead(&flights);
    let mut fast = flights.join(&KEY).expect("it is under way");
    for number in 0..200 {
        let pushed = tokio::time::timeout(Duration::from_secs(5), leader.push(piece(number, PIECE)));
        pushed.await.expect("the slow one holds nobody up");
        assert_eq!(fast.next().await.unwrap().unwrap(), piece(number, PIECE));
        assert!(flights.join(&KEY).is_none() || number < 20, "a large answer cannot be joined late");
    }
    leader.end(None);
    assert!(fast.next().await.is_none());
    assert_eq!(heard(slow).await, [Err(ModelFailure::Broken)], "what it would read is gone");
}

#[tokio::test(start_paused = true)]
async fn where_all_are_slow_the_model_waits() {
    const PIECE: usize = 64 << 10;
    let (mut only, leader) = alone::<Bytes>();
    let task = tokio::spawn(async move {
        for number in 0..200 {
            leader.push(piece(number, PIECE)).await;
        }
        leader.end(None);
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!task.is_finished());
    for number in 0..200 {
        assert_eq!(only.next().await.unwrap().unwrap(), piece(number, PIECE));
    }
    assert!(only.next().await.is_none());
}
