//! What every [`Blobs`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::{Blobs, MAX_BLOB_BYTES, PortFailure};

/// Runs the suite. Stores from `make` may share their blobs; the suite never uses a key twice.
pub async fn blobs<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Blobs>>,
{
    what_is_put_is_got(&*make().await).await;
    what_was_never_put_is_absent(&*make().await).await;
    putting_again_overwrites(&*make().await).await;
    deleting_twice_is_no_error(&*make().await).await;
    a_key_may_be_the_beginning_of_another(&*make().await).await;
    good_keys_are_accepted(&*make().await).await;
    bad_keys_are_refused(&*make().await).await;
    five_mebibytes_come_back(&*make().await).await;
    too_much_is_refused(&*make().await).await;
    readers_see_the_old_or_the_new(make().await).await;
}

fn fresh(name: &str) -> String {
    format!("contract/{}/{name}", unique())
}

#[expect(clippy::disallowed_methods, reason = "adapters may share one bucket, also with earlier runs")]
fn unique() -> Uuid {
    Uuid::now_v7()
}

async fn what_is_put_is_got(blobs: &dyn Blobs) {
    for bytes in [Bytes::new(), Bytes::from_static(b"text"), Bytes::from((0..=255).collect::<Vec<u8>>())] {
        let key = fresh("put");
        blobs.put(&key, bytes.clone()).await.unwrap();
        assert_eq!(blobs.get(&key).await.unwrap(), Some(bytes));
    }
}

async fn what_was_never_put_is_absent(blobs: &dyn Blobs) {
    assert_eq!(blobs.get(&fresh("absent")).await.unwrap(), None);
}

async fn putting_again_overwrites(blobs: &dyn Blobs) {
    let key = fresh("again");
    for text in ["the first and longer one", "second", ""] {
        blobs.put(&key, Bytes::from_static(text.as_bytes())).await.unwrap();
        assert_eq!(blobs.get(&key).await.unwrap().unwrap(), text);
    }
}

async fn deleting_twice_is_no_error(blobs: &dyn Blobs) {
    let key = fresh("delete");
    blobs.put(&key, Bytes::from_static(b"x")).await.unwrap();
    for _ in 0..2 {
        blobs.delete(&key).await.unwrap();
        assert_eq!(blobs.get(&key).await.unwrap(), None);
    }
    blobs.put(&key, Bytes::from_static(b"back")).await.unwrap();
    assert_eq!(blobs.get(&key).await.unwrap().unwrap(), "back");
}

async fn a_key_may_be_the_beginning_of_another(blobs: &dyn Blobs) {
    let short = fresh("a");
    let long = format!("{short}/b/c");
    let middle = format!("{short}/b");
    for key in [&short, &long, &middle] {
        assert_eq!(blobs.get(key).await.unwrap(), None, "{key}");
        blobs.put(key, Bytes::from(key.clone())).await.unwrap();
    }
    blobs.delete(&short).await.unwrap();
    assert_eq!(blobs.get(&short).await.unwrap(), None);
    for key in [&long, &middle] {
        assert_eq!(blobs.get(key).await.unwrap().unwrap(), key.as_str());
    }
}

async fn good_keys_are_accepted(blobs: &dyn Blobs) {
    let keys = [
        fresh(".hidden"),
        fresh("a..b"),
        fresh("..."),
        fresh("-_.-"),
        format!("{:x<512}", unique()),
        format!("{}{}", "d/".repeat(230), unique()),
    ];
    for key in keys {
        blobs.put(&key, Bytes::from(key.clone())).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(blobs.get(&key).await.unwrap().unwrap(), key);
        blobs.delete(&key).await.unwrap();
    }
}

async fn bad_keys_are_refused(blobs: &dyn Blobs) {
    let long = "x".repeat(513);
    let bad = [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a b", "a\\b", "a\0b",
        "ä", "a:b", "a~", "a%2e", &long,
    ];
    for key in bad {
        let failures = [
            blobs.put(key, Bytes::from_static(b"x")).await.map(drop),
            blobs.get(key).await.map(drop),
            blobs.delete(key).await.map(drop),
        ];
        for failure in failures {
            assert_eq!(failure.unwrap_err().failure, PortFailure::Broken, "{key:?}");
        }
    }
}

async fn five_mebibytes_come_back(blobs: &dyn Blobs) {
    let key = fresh("large");
    let bytes: Bytes = (0..5 * 1024 * 1024_u32).map(|index| (index % 251) as u8).collect();
    blobs.put(&key, bytes.clone()).await.unwrap();
    assert!(blobs.get(&key).await.unwrap() == Some(bytes), "the same bytes");
    blobs.delete(&key).await.unwrap();
}

async fn too_much_is_refused(blobs: &dyn Blobs) {
    let key = fresh("too-large");
    let error = blobs.put(&key, Bytes::from(vec![0; MAX_BLOB_BYTES + 1])).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Broken);
    assert_eq!(blobs.get(&key).await.unwrap(), None);
}

async fn readers_see_the_old_or_the_new(blobs: Arc<dyn Blobs>) {
    const ROUNDS: u8 = 12;
    let key = fresh("swap");
    let whole = |round: u8| Bytes::from(vec![round; 256 * 1024]);
    blobs.put(&key, whole(0)).await.unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (blobs, key) = (Arc::clone(&blobs), key.clone());
            tokio::spawn(async move {
                let mut last = 0;
                while last < ROUNDS {
                    let seen = match blobs.get(&key).await {
                        // Stand-ins for S3 fail now and then while an object is written; what is promised is that
                        // nobody sees a part of one.
                        Err(error) if error.failure == PortFailure::Unavailable => continue,
                        read => read.unwrap().expect("it is always there"),
                    };
                    assert_eq!(seen.len(), 256 * 1024);
                    assert!(seen.iter().all(|byte| *byte == seen[0]), "one version, whole");
                    assert!(seen[0] >= last, "never back to an older one");
                    last = seen[0];
                }
            })
        })
        .collect();
    for round in 1..=ROUNDS {
        blobs.put(&key, whole(round)).await.unwrap();
    }
    for reader in readers {
        tokio::time::timeout(std::time::Duration::from_secs(30), reader)
            .await
            .expect("the last is seen")
            .unwrap();
    }
    blobs.delete(&key).await.unwrap();
}
