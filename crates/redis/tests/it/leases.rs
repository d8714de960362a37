//! What calls hold while they are under way.

use std::time::{Duration, Instant};

use outcrop_ports::{Kind, Limiter, Settlement};
use outcrop_redis::{LimiterOptions, RedisOptions};

use crate::limits::{
    NOW, PATIENT, admitted, connect, is_away, meter, options, reserve, settle, stands, state, until, used,
};
use crate::server::{free_port, signal, start};

/// Short leases, so that tests need not wait.
fn short() -> LimiterOptions {
    LimiterOptions { lease: Duration::from_millis(600), heartbeat: Duration::from_millis(50), ..options() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_process_that_dies_gives_back_after_the_lease_and_what_it_used_still_counts_once() {
    let url = outcrop_testkit::redis_url();
    let options = short();
    let (alive, dies) = (connect(&url, PATIENT, &options), connect(&url, PATIENT, &options));
    let meters = [meter("c", Kind::Concurrency, 1, 1), meter("t", Kind::Tokens, 100, 60)];
    let hold = admitted(&dies, &meters).await.expect("there is room");
    drop(dies);
    let died = Instant::now();
    assert!(admitted(&alive, &meters).await.is_none(), "it is held");
    // The test's clock stands still: the time that passes is added to it.
    let later = async || {
        let ask = outcrop_ports::Ask {
            calls: &[uuid::Uuid::from_u128(7)],
            meters: &meters,
            now: NOW + died.elapsed(),
            longest: Duration::from_secs(1),
        };
        alive.reserve(&ask).await.expect("Redis is there")
    };
    until("it is given back", async || matches!(later().await, outcrop_ports::Admission::Admitted { .. }))
        .await;
    assert!(died.elapsed() >= Duration::from_millis(550), "{:?}", died.elapsed());
    // A later process finds its mark. It may try twice.
    for _ in 0..2 {
        settle(&alive, used(&hold, &[1, 25])).await;
        assert_eq!(stands(&alive, &meters[1]).await, (25, 60), "25 of the dead, 60 held by the next");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_long_call_keeps_what_it_holds() {
    let url = outcrop_testkit::redis_url();
    let options = short();
    let (one, two) = (connect(&url, PATIENT, &options), connect(&url, PATIENT, &options));
    let meters = [meter("c", Kind::Concurrency, 1, 1)];
    let began = Instant::now();
    let hold = admitted(&one, &meters).await.expect("there is room");
    while began.elapsed() < options.lease * 3 {
        let ask = outcrop_ports::Ask {
            calls: &[uuid::Uuid::from_u128(7)],
            meters: &meters,
            now: NOW + began.elapsed(),
            longest: Duration::from_secs(1),
        };
        let answer = two.reserve(&ask).await.expect("Redis is there");
        assert!(matches!(answer, outcrop_ports::Admission::Refused { .. }), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    settle(&one, used(&hold, &[1])).await;
    assert_eq!(stands(&two, &meters[0]).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_call_is_over_when_its_longest_time_is() {
    let url = outcrop_testkit::redis_url();
    let options = short();
    let limiter = connect(&url, PATIENT, &options);
    let meters = [meter("c", Kind::Concurrency, 1, 1)];
    let began = Instant::now();
    let mut call = 0;
    let mut ask = async || {
        call += 1;
        let ask = outcrop_ports::Ask {
            calls: &[uuid::Uuid::from_u128(call)],
            meters: &meters,
            now: NOW + began.elapsed(),
            longest: Duration::from_millis(1_200),
        };
        limiter.reserve(&ask).await.expect("Redis is there")
    };
    assert!(matches!(ask().await, outcrop_ports::Admission::Admitted { .. }));
    until("its time is over", async || matches!(ask().await, outcrop_ports::Admission::Admitted { .. }))
        .await;
    assert!(began.elapsed() >= Duration::from_millis(1_200), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_lease_that_redis_lost_is_taken_again() {
    let url = outcrop_testkit::redis_url();
    let options = short();
    let limiter = connect(&url, PATIENT, &options);
    let meters = [meter("c", Kind::Concurrency, 1, 1)];
    let hold = admitted(&limiter, &meters).await.expect("there is room");
    let client = redis::Client::open(url).expect("a good URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis is there");
    let key = |name: &str| format!("{}:{{limits}}:{name}", options.namespace);
    let lost = [key("leases"), key("records"), key("m:o:c")];
    redis::cmd("DEL").arg(&lost).query_async::<()>(&mut redis).await.expect("Redis is there");
    assert_eq!(stands(&limiter, &meters[0]).await, (0, 0));
    until("it is held again", async || stands(&limiter, &meters[0]).await == (0, 1)).await;
    settle(&limiter, used(&hold, &[1])).await;
    tokio::time::sleep(options.lease).await;
    assert_eq!(stands(&limiter, &meters[0]).await, (0, 0), "and not once more when it has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn what_was_never_reserved_is_counted_once() {
    let limiter = connect(&outcrop_testkit::redis_url(), PATIENT, &options());
    let meters = [meter("t", Kind::Tokens, 100, 10)];
    let (mut hold, _) = reserve(&limiter, &meters).await.expect("Redis is there");
    settle(&limiter, used(&hold, &[10])).await;
    for _ in 0..3 {
        settle(&limiter, used(&hold, &[10])).await;
    }
    assert_eq!(state(&limiter, &meters[0]).await.settled, 10, "settled once");
    hold.call = uuid::Uuid::from_u128(99);
    settle(&limiter, used(&hold, &[10])).await;
    assert_eq!(state(&limiter, &meters[0]).await.settled, 10, "nobody reserved it");
    for _ in 0..3 {
        settle(&limiter, Settlement { unreserved: true, ..used(&hold, &[5]) }).await;
    }
    assert_eq!(state(&limiter, &meters[0]).await.settled, 15, "nobody could");
}

/// A client may leave while Redis is asked, and an answer may come when nobody waits for it any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn what_nobody_waits_for_any_more_is_given_back_soon() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let server = start(port, folder.path()).await;
    let url = format!("redis://127.0.0.1:{port}");
    let options = LimiterOptions { heartbeat: Duration::from_millis(50), ..options() };
    let limiter = connect(&url, PATIENT, &options);
    let brisk = connect(&url, RedisOptions { timeout: Duration::from_millis(50), ..PATIENT }, &options);
    let other = connect(&url, PATIENT, &options);
    let meters = [meter("c", Kind::Concurrency, 2, 1), meter("t", Kind::Tokens, 100, 10)];
    for limiter in [&limiter, &brisk, &other] {
        until("it is ready", async || limiter.read(&meters, NOW).await.is_ok()).await;
    }
    signal(&server, "-STOP").await;
    let gone = tokio::time::timeout(Duration::from_millis(100), reserve(&limiter, &meters)).await;
    assert!(gone.is_err(), "Redis stands still");
    assert!(is_away(&reserve(&brisk, &meters).await), "it is late");
    signal(&server, "-CONT").await;
    let began = Instant::now();
    let free = async || matches!(stands(&other, &meters[0]).await, (0, 0));
    // Redis gets to the questions first.
    until("they are let in", async || {
        stands(&other, &meters[0]).await.1 > 0 || began.elapsed().as_millis() > 300
    })
    .await;
    until("both are given back", free).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stands(&other, &meters[0]).await, (0, 0), "nor do they come later");
    assert_eq!(stands(&other, &meters[1]).await, (0, 0));
}
