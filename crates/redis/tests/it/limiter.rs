//! Limits, and a Redis that is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outcrop_ports::{Kind, Limiter, Meter, Probe, contract};
use outcrop_redis::{LimiterOptions, RedisLimiter, RedisOptions};

use crate::limits::{
    Ids, NOW, PATIENT, admitted, connect, is_away, meter, options, reserve, seed, settle, stands, until, used,
};
use crate::server::{free_port, signal, start};

async fn ready(url: &str, options: &LimiterOptions) -> Arc<dyn Limiter> {
    let limiter = connect(url, PATIENT, options);
    limiter.probe().await.expect("Redis is there");
    Arc::new(limiter)
}

/// As long as calls may last: the suites stand at times of their own, in which nothing is renewed.
fn long_leases() -> LimiterOptions {
    LimiterOptions { lease: Duration::from_secs(1_000_000_000), ..options() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let url = outcrop_testkit::redis_url();
    let options = long_leases();
    contract::limiter(|| ready(&url, &options)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract_on_a_server_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let _server = start(port, folder.path()).await;
    let (url, options) = (format!("redis://127.0.0.1:{port}"), long_leases());
    contract::limiter(|| ready(&url, &options)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn decides_as_the_whole_history_says() {
    let limiter = connect(&outcrop_testkit::redis_url(), PATIENT, &long_leases());
    contract::limiter_against_oracle(&limiter, 2, 250).await;
}

/// Every kind of meter, in one question.
fn every_kind(name: &str) -> Vec<Meter> {
    Kind::ALL.iter().map(|kind| meter(&format!("{name}:{kind:?}"), *kind, 10, 3)).collect()
}

#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn what_is_counted_is_forgotten_when_nobody_looks_back_on_it() {
    let url = outcrop_testkit::redis_url();
    let options = options();
    let limiter = connect(&url, PATIENT, &options);
    let meters = every_kind("forgotten");
    assert!(seed(&limiter, &meters[3], 0, 0).await);
    let hold = admitted(&limiter, &meters).await.expect("there is room");
    let client = redis::Client::open(url).expect("a good URL");
    let mut redis = client.get_multiplexed_async_connection().await.expect("Redis is there");
    let pattern = format!("{}:*", options.namespace);
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(&pattern).query_async(&mut redis).await.expect("Redis is there");
    let meters_kept = keys.iter().filter(|key| key.contains(":m:"));
    let mut seen = 0;
    for key in meters_kept {
        let ms: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.expect("Redis is there");
        // Longer than anything may hold it.
        assert!(ms > 3_600_000, "{key} {ms}");
        seen += 1;
    }
    assert_eq!(seen, 4, "{keys:?}");
    settle(&limiter, used(&hold, &[1, 1, 1, 1])).await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(&pattern).query_async(&mut redis).await.expect("Redis is there");
    assert!(!keys.iter().any(|key| key.ends_with("leases") || key.ends_with("records")), "{keys:?}");
}

#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn large_amounts_stay_exact() {
    let limiter = connect(&outcrop_testkit::redis_url(), PATIENT, &options());
    let most = outcrop_ports::window::MAX_AMOUNT;
    let money = |amount| Meter { limit: most, ..meter("large", Kind::Money, 0, amount) };
    assert!(seed(&limiter, &money(0), 1_234_567_890_123_457, 0).await);
    let first = admitted(&limiter, &[money(7_000_000_000_000_001)]).await.expect("there is room");
    assert_eq!(stands(&limiter, &money(0)).await, (1_234_567_890_123_457, 7_000_000_000_000_001));
    let left = most - 1_234_567_890_123_457 - 7_000_000_000_000_001;
    assert!(admitted(&limiter, &[money(left + 1)]).await.is_none(), "a billionth too much");
    let second = admitted(&limiter, &[money(left)]).await.expect("to the last billionth");
    settle(&limiter, used(&first, &[7_000_000_000_000_000])).await;
    settle(&limiter, used(&second, &[1])).await;
    assert_eq!(stands(&limiter, &money(0)).await, (8_234_567_890_123_458, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn killed_it_fails_fast_and_back_it_serves_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let limiter = brisk(port);
    assert_recovers(&limiter).await;

    server.kill().await.expect("killed");
    assert_fails_within_its_bounds(&limiter).await;
    assert!(limiter.probe().await.is_err());

    let _server = start(port, folder.path()).await;
    assert_recovers(&limiter).await;
    // A new server has an empty script cache, so this also shows that the scripts are loaded again.
    limiter.probe().await.expect("back");
}

/// A server that accepts and says nothing is worse than none: nothing fails by itself.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn frozen_it_fails_fast_and_thawed_it_serves_again_and_holds_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let server = start(port, folder.path()).await;
    let limiter = brisk(port);
    assert_recovers(&limiter).await;

    signal(&server, "-STOP").await;
    assert_fails_within_its_bounds(&limiter).await;

    signal(&server, "-CONT").await;
    assert_recovers(&limiter).await;
    // What was asked while it was frozen it may have done when it thawed; nobody waited for it any more.
    let all = Meter { limit: 1_000_000, ..busy() };
    until("it is given back", async || stands(&limiter, &all).await.1 == 0).await;
}

/// As under actix: every caller has a runtime of its own, which may be gone when the next one calls.
#[test]
#[ignore = "needs redis: cargo xtask test"]
fn callers_may_have_runtimes_of_their_own() {
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let limiter = {
        let _current = home.enter();
        connect(&outcrop_testkit::redis_url(), PATIENT, &options())
    };
    for _ in 0..3 {
        let other = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        other.block_on(reserve(&limiter, &[busy()])).expect("Redis is there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn processes_know_how_many_let_calls_in() {
    let url = outcrop_testkit::redis_url();
    let options = LimiterOptions { heartbeat: Duration::from_millis(50), ..options() };
    let first = connect(&url, PATIENT, &options);
    let others = [connect(&url, PATIENT, &options), connect(&url, PATIENT, &options)];
    for limiter in [&first, &others[0], &others[1]] {
        assert!(admitted(limiter, &[busy()]).await.is_some());
    }
    // This one has no share.
    let counts = connect(&url, PATIENT, &options);
    counts.count(&[meter("n", Kind::Requests, 10, 1)], NOW).await.expect("Redis is there");
    until("three", async || first.replicas() == 3 && others[1].replicas() == 3).await;
    drop(others);
    until("alone", async || first.replicas() == 1).await;
}

/// Within the bounds that requests are promised, and soon tried again.
fn brisk(port: u16) -> RedisLimiter {
    let redis = RedisOptions { cool_down: Duration::from_millis(300), ..RedisOptions::default() };
    RedisLimiter::connect(&format!("redis://127.0.0.1:{port}"), redis, &options(), &Ids).expect("a good URL")
}

fn busy() -> Meter {
    meter("busy", Kind::Concurrency, 1_000_000, 1)
}

/// Each call ends soon after its 50 ms, and once Redis is left alone a call costs nothing to speak of.
async fn assert_fails_within_its_bounds(limiter: &RedisLimiter) {
    for _ in 0..RedisOptions::default().failures_to_open {
        let started = Instant::now();
        assert!(is_away(&reserve(limiter, &[busy()]).await));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    let started = Instant::now();
    for _ in 0..10_000 {
        assert!(is_away(&reserve(limiter, &[busy()]).await));
    }
    assert!(started.elapsed() < Duration::from_secs(30), "10000 took {:?}", started.elapsed());
    assert!(is_away(&limiter.count(&[busy()], NOW).await));
    assert!(is_away(&limiter.read(&[busy()], NOW).await));
}

async fn assert_recovers(limiter: &RedisLimiter) {
    let started = Instant::now();
    while reserve(limiter, &[]).await.is_err() || once(limiter).await.is_none() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never came back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..20 {
        once(limiter).await.expect("and stays");
    }
}

/// One call, from beginning to end.
async fn once(limiter: &RedisLimiter) -> Option<()> {
    let (hold, _) = reserve(limiter, &[busy()]).await.ok()?;
    limiter.settle(&[used(&hold, &[1])], NOW).await.ok()
}
