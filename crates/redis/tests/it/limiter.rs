//! Limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outcrop_ports::{Admission, Limiter, PortError, PortFailure, Probe, Window, contract};
use outcrop_redis::{RedisLimiter, RedisOptions};

use crate::server::{free_port, signal, start};

/// Time enough for a call on a machine that is busy with other tests.
const PATIENT: RedisOptions = RedisOptions {
    timeout: Duration::from_secs(10),
    connect_timeout: Duration::from_secs(10),
    failures_to_open: 5,
    cool_down: Duration::from_millis(200),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let url = std::env::var("OUTCROP_TEST_REDIS_URL").expect("OUTCROP_TEST_REDIS_URL");
    contract::limiter(|| async {
        let limiter = RedisLimiter::connect(&url, PATIENT).expect("a good URL");
        limiter.probe().await.expect("Redis is there");
        Arc::new(limiter) as Arc<dyn Limiter>
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn counters_expire() {
    let url = std::env::var("OUTCROP_TEST_REDIS_URL").expect("OUTCROP_TEST_REDIS_URL");
    let limiter = RedisLimiter::connect(&url, PATIENT).expect("a good URL");
    let name = format!("expire:{}", std::process::id());
    let windows = [10, 60].map(|seconds| Window {
        name: name.clone(),
        limit: 10,
        length: Duration::from_secs(seconds),
    });
    let now = Duration::from_secs(3_600_000);
    for _ in 0..3 {
        limiter.admit(&windows, now).await.expect("Redis is there");
    }
    let client = redis::Client::open(url).expect("a good URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis is there");
    for window in windows {
        let length = u64::try_from(window.length.as_millis()).expect("short");
        let key = format!("outcrop:{{limits}}:{name}:{length}:{}", now.as_millis() as u64 / length);
        let (count, kept): (u32, u64) =
            redis::pipe().get(&key).pttl(&key).query_async(&mut connection).await.expect("a counter");
        assert_eq!(count, 3);
        assert!((length * 2..=length * 2 + 10_000).contains(&kept), "kept {kept} ms for {length} ms");
        let _: () = redis::cmd("DEL").arg(&key).query_async(&mut connection).await.expect("removed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn killed_it_fails_fast_and_back_it_serves_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut server = start(port, folder.path()).await;
    let limiter = connect(port);
    assert!(admit(&limiter).await.is_ok());

    server.kill().await.expect("killed");
    assert_fails_within_its_bounds(&limiter).await;
    assert!(limiter.probe().await.is_err());

    let _server = start(port, folder.path()).await;
    assert_recovers(&limiter).await;
    // A new server has an empty script cache, so this also shows that the script is loaded again.
    limiter.probe().await.expect("back");
}

/// A server that accepts and says nothing is worse than none: nothing fails by itself.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn frozen_it_fails_fast_and_thawed_it_serves_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let server = start(port, folder.path()).await;
    let limiter = connect(port);
    assert!(admit(&limiter).await.is_ok());

    signal(&server, "-STOP").await;
    assert_fails_within_its_bounds(&limiter).await;

    signal(&server, "-CONT").await;
    assert_recovers(&limiter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn a_probe_ends_the_time_of_failing_fast() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let options = RedisOptions { cool_down: Duration::from_secs(3_600), ..RedisOptions::default() };
    let limiter = RedisLimiter::connect(&format!("redis://127.0.0.1:{port}"), options).expect("a good URL");
    for _ in 0..options.failures_to_open {
        assert!(admit(&limiter).await.is_err());
    }
    let _server = start(port, folder.path()).await;
    assert!(admit(&limiter).await.is_err(), "it is left alone for an hour");
    limiter.probe().await.expect("it is there");
    assert!(admit(&limiter).await.is_ok());
}

/// As under actix: every caller has a runtime of its own, which may be gone when the next one calls.
#[test]
#[ignore = "needs redis: cargo xtask test"]
fn callers_may_have_runtimes_of_their_own() {
    let url = std::env::var("OUTCROP_TEST_REDIS_URL").expect("OUTCROP_TEST_REDIS_URL");
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let limiter = {
        let _current = home.enter();
        RedisLimiter::connect(&url, PATIENT).expect("a good URL")
    };
    for _ in 0..3 {
        let other = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        other.block_on(admit(&limiter)).expect("Redis is there");
    }
}

fn connect(port: u16) -> RedisLimiter {
    let options = RedisOptions { cool_down: Duration::from_millis(300), ..RedisOptions::default() };
    RedisLimiter::connect(&format!("redis://127.0.0.1:{port}"), options).expect("a good URL")
}

async fn admit(limiter: &RedisLimiter) -> Result<Admission, PortError> {
    let window = Window { name: "w".to_owned(), limit: 1_000_000, length: Duration::from_secs(60) };
    limiter.admit(&[window], Duration::from_secs(600)).await
}

/// Each call ends soon after its 50 ms, and once Redis is left alone a call costs nothing to speak of.
async fn assert_fails_within_its_bounds(limiter: &RedisLimiter) {
    for _ in 0..RedisOptions::default().failures_to_open {
        let started = Instant::now();
        let error = admit(limiter).await.expect_err("away");
        assert_eq!(error.failure, PortFailure::Unavailable);
        assert!(started.elapsed() < Duration::from_millis(300), "{:?}", started.elapsed());
    }
    let started = Instant::now();
    for _ in 0..10_000 {
        assert_eq!(admit(limiter).await.expect_err("away").failure, PortFailure::Unavailable);
    }
    assert!(started.elapsed() < Duration::from_secs(2), "10000 took {:?}", started.elapsed());
}

async fn assert_recovers(limiter: &RedisLimiter) {
    let started = Instant::now();
    while admit(limiter).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never came back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for _ in 0..20 {
        admit(limiter).await.expect("and stays");
    }
}
