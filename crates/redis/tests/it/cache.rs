//! Kept answers, and a Redis that is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use outcrop_ports::{Cache, IdGen as _, contract};
use outcrop_redis::{CacheOptions, RedisCache, RedisOptions};

use crate::limits::{BRISK, Ids, PATIENT, until};
use crate::server::{free_port, start};

const LONG: Duration = Duration::from_secs(60);
const KEY: [u8; 32] = [7; 32];

fn connect(url: &str, redis: RedisOptions) -> RedisCache {
    let options = CacheOptions { namespace: format!("test-{}", Ids.uuid()), max_value_bytes: 100_000 };
    RedisCache::connect(url, redis, options, Arc::new(Ids)).expect("a good URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis: cargo xtask test"]
async fn keeps_the_contract() {
    let cache = connect(&outcrop_testkit::redis_url(), PATIENT);
    contract::cache(100_000, || async { Arc::new(cache.clone()) as Arc<dyn Cache> }).await;
}

#[tokio::test]
#[ignore = "needs redis: cargo xtask test"]
async fn what_lost_its_space_does_not_come_back() {
    let cache = connect(&outcrop_testkit::redis_url(), PATIENT);
    cache.put("team/a", &KEY, Bytes::from_static(b"before"), LONG).await.expect("it is there");
    // As if Redis had evicted the one and not the other.
    cache.clear("team").await.expect("it is there");
    cache.put("team/a", &[8; 32], Bytes::from_static(b"after"), LONG).await.expect("it is there");
    assert_eq!(cache.get("team/a", &KEY).await.expect("it is there"), None);
    let after = cache.get("team/a", &[8; 32]).await.expect("it is there");
    assert_eq!(after.as_deref(), Some(&b"after"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis: cargo xtask test"]
async fn redis_that_is_away_costs_little_and_is_found_again() {
    let (port, folder) = (free_port(), tempfile::tempdir().expect("a folder"));
    let cache = connect(&format!("redis://127.0.0.1:{port}"), BRISK);
    for _ in 0..5 {
        cache.get("team", &KEY).await.expect_err("nobody is there");
    }
    let begun = Instant::now();
    for _ in 0..100 {
        cache.get("team", &KEY).await.expect_err("nobody is there");
    }
    assert!(begun.elapsed() < BRISK.timeout, "nobody waits for what is away");
    let _server = start(port, folder.path()).await;
    until("it is found again", async || {
        cache.put("team", &KEY, Bytes::from_static(b"x"), LONG).await.is_ok()
    })
    .await;
    assert!(cache.get("team", &KEY).await.expect("it is there").is_some());
}
