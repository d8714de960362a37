//! The contract, and how memory is bounded.

use std::sync::Arc;

use outcrop_ports::contract;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn key(number: usize) -> CacheKey {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&(number as u64).to_be_bytes());
    key
}

fn stands(cache: &MemoryCache) -> (usize, usize) {
    let all = cache.shards.iter().map(|shard| lock(shard).stands());
    all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

async fn has(cache: &MemoryCache, number: usize) -> bool {
    cache.get("s", &key(number)).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_contract() {
    contract::cache(10_000, || async { Arc::new(MemoryCache::new(1 << 20, 10_000)) as Arc<dyn Cache> }).await;
}

#[tokio::test]
async fn what_was_least_lately_asked_for_gives_way() {
    let cache = MemoryCache::new(10 * (1_000 + 193), 1_000);
    assert_eq!(cache.shards.len(), 1);
    let value = Bytes::from(vec![7; 1_000]);
    for number in 0..10 {
        cache.put("s", &key(number), value.clone(), LONG).await.unwrap();
    }
    assert_eq!(stands(&cache).0, 10);
    assert!(has(&cache, 0).await && has(&cache, 2).await);
    for number in 10..12 {
        cache.put("s", &key(number), value.clone(), LONG).await.unwrap();
    }
    assert!(has(&cache, 0).await && has(&cache, 2).await, "they were asked for");
    assert!(!has(&cache, 1).await && !has(&cache, 3).await, "they were not");
    assert_eq!(stands(&cache).0, 10);
}

#[tokio::test]
async fn memory_is_bounded_whatever_comes() {
    const MOST: usize = 200_000;
    let cache = MemoryCache::new(MOST, 2_000);
    assert!(cache.shards.len() > 1);
    for number in 0..5_000 {
        let space = ["a", "b", "b/c"][number % 3];
        let value = Bytes::from(vec![1; number * 37 % 2_100]);
        cache.put(space, &key(number % 700), value, LONG).await.unwrap();
        if number % 501 == 0 {
            cache.clear("b").await.unwrap();
        }
        let (_, bytes) = stands(&cache);
        assert!(bytes <= MOST, "{bytes}");
    }
    for space in ["a", "b"] {
        cache.clear(space).await.unwrap();
    }
    assert_eq!(stands(&cache), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_gives_way_first() {
    let cache = MemoryCache::new(100_000, 1_000);
    for number in 0..5 {
        cache.put("s", &key(number), Bytes::from_static(b"x"), Duration::from_secs(1)).await.unwrap();
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    // Nobody asks for them; putting others is enough.
    for number in 100..200 {
        cache.put("s", &key(number), Bytes::from_static(b"x"), LONG).await.unwrap();
    }
    assert_eq!(stands(&cache).0, 100);
    assert!(!has(&cache, 0).await);
}
