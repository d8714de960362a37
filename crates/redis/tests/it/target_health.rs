//! Targets that fail, and a Redis that is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outcrop_ports::{IdGen as _, Resting, TargetHealth, contract};
use outcrop_redis::{RedisOptions, RedisTargetHealth};

use crate::limits::{BRISK, Ids, PATIENT, until};
use crate::server::{free_port, start};

fn connect(url: &str, redis: RedisOptions, name: &str) -> RedisTargetHealth {
    RedisTargetHealth::connect(url, redis, &format!("test-{name}")).expect("a good URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let url = outcrop_testkit::redis_url();
    contract::target_health(async |name| {
        Arc::new(connect(&url, PATIENT, &name.to_string())) as Arc<dyn TargetHealth>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn nothing_of_it_stays_for_ever() {
    let (url, name) = (outcrop_testkit::redis_url(), Ids.uuid().to_string());
    let health = connect(&url, PATIENT, &name);
    health.rest(&Resting { target: "a".to_owned(), until_ms: 1, times: 1 }).await.expect("it is there");
    assert!(health.claim_probe("a", Duration::from_secs(5)).await.expect("it is there"));
    let client = redis::Client::open(url).expect("a good URL");
    let mut link = client.get_multiplexed_async_connection().await.expect("it is there");
    for (key, most) in [("resting", 600_000_i64), ("probe:a", 5_000)] {
        let key = format!("test-{name}:{{targets}}:{key}");
        let left: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut link).await.expect("an answer");
        assert!((1..=most).contains(&left), "{key}: {left}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn redis_that_is_away_costs_little_and_is_found_again() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let health = connect(&format!("redis://127.0.0.1:{port}"), BRISK, "away");
    for _ in 0..5 {
        health.resting().await.expect_err("nobody is there");
    }
    let begun = Instant::now();
    for _ in 0..100 {
        health.claim_probe("a", Duration::from_secs(1)).await.expect_err("nobody is there");
    }
    assert!(begun.elapsed() < BRISK.timeout, "nobody waits for what is away");
    let _server = start(port, folder.path()).await;
    until("it is found again", async || health.recovered("a").await.is_ok()).await;
    assert_eq!(health.resting().await.expect("it is there"), []);
}
