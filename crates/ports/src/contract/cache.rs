//! What every [`Cache`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::at_once;
use crate::{Cache, CacheKey};

const LONG: Duration = Duration::from_secs(60);

/// Runs the suite. Caches from `make` may share their values, take values of up to `max_value_bytes`, and have room for
/// some of that size; the suite never uses a space twice.
pub async fn cache<F, Fut>(max_value_bytes: usize, make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Cache>>,
{
    what_is_put_is_got(&*make().await).await;
    what_was_never_put_is_absent(&*make().await).await;
    putting_again_overwrites(&*make().await).await;
    any_bytes_come_back(&*make().await, max_value_bytes).await;
    what_is_too_large_is_not_kept(&*make().await, max_value_bytes).await;
    time_ends_a_value(&*make().await).await;
    putting_again_begins_the_time_anew(&*make().await).await;
    no_time_is_no_value(&*make().await).await;
    spaces_do_not_mix(&*make().await).await;
    a_cleared_space_is_empty_and_goes_on(&*make().await).await;
    what_lies_in_a_space_is_cleared_with_it(&*make().await).await;
    whoever_is_cleared_alone_leaves_the_rest(&*make().await).await;
    nothing_from_before_a_clear_is_seen_after_it(make().await).await;
}

#[expect(clippy::disallowed_methods, reason = "adapters may share one server, also with earlier runs")]
fn fresh() -> String {
    format!("contract-{}", Uuid::now_v7().simple())
}

fn key(number: u8) -> CacheKey {
    let mut key = [0xa5; 32];
    key[31] = number;
    key
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn what_is_put_is_got(cache: &dyn Cache) {
    let space = fresh();
    cache.put(&space, &key(1), bytes("one"), LONG).await.unwrap();
    cache.put(&space, &key(2), bytes("two"), LONG).await.unwrap();
    for _ in 0..2 {
        assert_eq!(cache.get(&space, &key(1)).await.unwrap().unwrap(), "one");
        assert_eq!(cache.get(&space, &key(2)).await.unwrap().unwrap(), "two");
    }
}

async fn what_was_never_put_is_absent(cache: &dyn Cache) {
    let space = fresh();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
    cache.put(&space, &key(2), bytes("two"), LONG).await.unwrap();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
}

async fn putting_again_overwrites(cache: &dyn Cache) {
    let space = fresh();
    for text in ["the first and longer one", "second", "the third, which is longer again"] {
        cache.put(&space, &key(1), bytes(text), LONG).await.unwrap();
        assert_eq!(cache.get(&space, &key(1)).await.unwrap().unwrap(), text);
    }
}

async fn any_bytes_come_back(cache: &dyn Cache, max_value_bytes: usize) {
    let space = fresh();
    let all: Vec<u8> = (0..=255).collect();
    let largest = vec![0xff; max_value_bytes];
    for value in [Vec::new(), vec![0], all, b"\r\n\0{}".to_vec(), largest] {
        cache.put(&space, &key(1), Bytes::from(value.clone()), LONG).await.unwrap();
        assert!(cache.get(&space, &key(1)).await.unwrap().unwrap() == value, "{} bytes", value.len());
    }
}

async fn what_is_too_large_is_not_kept(cache: &dyn Cache, max_value_bytes: usize) {
    let space = fresh();
    let large = Bytes::from(vec![1; max_value_bytes + 1]);
    cache.put(&space, &key(1), large.clone(), LONG).await.unwrap();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
    cache.put(&space, &key(1), bytes("small"), LONG).await.unwrap();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap().unwrap(), "small");
    // What stood there is not true any more.
    cache.put(&space, &key(1), large, LONG).await.unwrap();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
}

async fn time_ends_a_value(cache: &dyn Cache) {
    let space = fresh();
    cache.put(&space, &key(1), bytes("short"), Duration::from_millis(80)).await.unwrap();
    cache.put(&space, &key(2), bytes("long"), LONG).await.unwrap();
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
    assert_eq!(cache.get(&space, &key(2)).await.unwrap().unwrap(), "long");
}

async fn putting_again_begins_the_time_anew(cache: &dyn Cache) {
    let space = fresh();
    cache.put(&space, &key(1), bytes("short"), Duration::from_millis(80)).await.unwrap();
    cache.put(&space, &key(1), bytes("long"), LONG).await.unwrap();
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert_eq!(cache.get(&space, &key(1)).await.unwrap().unwrap(), "long");
}

async fn no_time_is_no_value(cache: &dyn Cache) {
    let space = fresh();
    cache.put(&space, &key(1), bytes("before"), LONG).await.unwrap();
    cache.put(&space, &key(1), bytes("never"), Duration::ZERO).await.unwrap();
    assert_eq!(cache.get(&space, &key(1)).await.unwrap(), None);
}

async fn spaces_do_not_mix(cache: &dyn Cache) {
    let (one, other) = (fresh(), fresh());
    let inner = format!("{one}/inner");
    for (space, text) in [(&one, "one"), (&other, "other"), (&inner, "inner")] {
        assert_eq!(cache.get(space, &key(1)).await.unwrap(), None, "{space}");
        cache.put(space, &key(1), bytes(text), LONG).await.unwrap();
    }
    for (space, text) in [(&one, "one"), (&other, "other"), (&inner, "inner")] {
        assert_eq!(cache.get(space, &key(1)).await.unwrap().unwrap(), text);
    }
}

async fn a_cleared_space_is_empty_and_goes_on(cache: &dyn Cache) {
    let (one, other) = (fresh(), fresh());
    cache.clear(&one).await.unwrap();
    for space in [&one, &other] {
        cache.put(space, &key(1), bytes("before"), LONG).await.unwrap();
    }
    for _ in 0..2 {
        cache.clear(&one).await.unwrap();
        assert_eq!(cache.get(&one, &key(1)).await.unwrap(), None);
    }
    assert_eq!(cache.get(&other, &key(1)).await.unwrap().unwrap(), "before");
    cache.put(&one, &key(2), bytes("after"), LONG).await.unwrap();
    assert_eq!(cache.get(&one, &key(2)).await.unwrap().unwrap(), "after");
    assert_eq!(cache.get(&one, &key(1)).await.unwrap(), None, "a new value brings back none of before");
}

async fn what_lies_in_a_space_is_cleared_with_it(cache: &dyn Cache) {
    let one = fresh();
    let (inner, beside) = (format!("{one}/inner"), format!("{one}x"));
    for space in [&one, &inner, &beside] {
        cache.put(space, &key(1), bytes("before"), LONG).await.unwrap();
    }
    cache.clear(&one).await.unwrap();
    assert_eq!(cache.get(&one, &key(1)).await.unwrap(), None);
    assert_eq!(cache.get(&inner, &key(1)).await.unwrap(), None);
    assert_eq!(cache.get(&beside, &key(1)).await.unwrap().unwrap(), "before", "a longer name lies not in it");
}

async fn whoever_is_cleared_alone_leaves_the_rest(cache: &dyn Cache) {
    let one = fresh();
    let (inner, other) = (format!("{one}/inner"), format!("{one}/other"));
    for space in [&one, &inner, &other] {
        cache.put(space, &key(1), bytes("before"), LONG).await.unwrap();
    }
    cache.clear(&inner).await.unwrap();
    assert_eq!(cache.get(&inner, &key(1)).await.unwrap(), None);
    for space in [&one, &other] {
        assert_eq!(cache.get(space, &key(1)).await.unwrap().unwrap(), "before");
    }
}

/// Some put and some clear at the same time: what was put before a clear began is not there when it has ended.
async fn nothing_from_before_a_clear_is_seen_after_it(cache: Arc<dyn Cache>) {
    let space = fresh();
    for round in 0..8 {
        let before = |number: u8| (key(number), Bytes::from(format!("before {round}")));
        for number in 0..8 {
            let (key, value) = before(number);
            cache.put(&space, &key, value, LONG).await.unwrap();
        }
        at_once(16, |number| {
            let (cache, space) = (Arc::clone(&cache), space.clone());
            async move {
                if number % 8 == 0 {
                    cache.clear(&space).await.unwrap();
                } else {
                    let name = key(100 + u8::try_from(number).unwrap());
                    cache.put(&space, &name, bytes("meanwhile"), LONG).await.unwrap();
                }
            }
        })
        .await;
        for number in 0..8 {
            assert_eq!(cache.get(&space, &key(number)).await.unwrap(), None, "round {round}");
        }
        for number in 100..116 {
            let found = cache.get(&space, &key(number)).await.unwrap();
            assert!(found.is_none_or(|value| value == "meanwhile"));
        }
    }
}
