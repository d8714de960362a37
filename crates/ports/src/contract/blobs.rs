//! What every [`Blobs`] keeps.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
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
    what_is_put_is_read_in_pieces(&*make().await).await;
    a_part_of_a_blob_can_be_read(&*make().await).await;
    an_upload_is_there_when_it_is_finished(&*make().await).await;
    an_upload_takes_the_place_of_what_was(&*make().await).await;
    an_upload_that_is_given_up_leaves_what_was(&*make().await).await;
    a_large_upload_comes_back_whole(&*make().await).await;
    a_copy_is_a_blob_of_its_own(&*make().await).await;
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

async fn a_copy_is_a_blob_of_its_own(blobs: &dyn Blobs) {
    let (from, to) = (fresh("from"), fresh("to"));
    assert_eq!(blobs.copy(&from, &to).await.unwrap(), None);
    assert_eq!(blobs.get(&to).await.unwrap(), None);
    for text in ["the first", "then another"] {
        blobs.put(&from, Bytes::from_static(text.as_bytes())).await.unwrap();
        assert_eq!(blobs.copy(&from, &to).await.unwrap(), Some(text.len() as u64));
        assert_eq!(blobs.get(&to).await.unwrap().unwrap(), text);
    }
    blobs.put(&from, Bytes::from_static(b"changed")).await.unwrap();
    assert_eq!(blobs.get(&to).await.unwrap().unwrap(), "then another");
    blobs.delete(&from).await.unwrap();
    assert_eq!(blobs.get(&to).await.unwrap().unwrap(), "then another");
    for (from, to) in [("a//b", to.as_str()), (to.as_str(), "a//b")] {
        assert_eq!(blobs.copy(from, to).await.unwrap_err().failure, PortFailure::Broken);
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
            blobs.size(key).await.map(drop),
            blobs.read(key, None).await.map(drop),
            blobs.upload(key).await.map(drop),
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

/// All bytes of a blob or of a range of it, and the blob's size.
async fn read(blobs: &dyn Blobs, key: &str, range: Option<Range<u64>>) -> (u64, Vec<u8>) {
    let read = blobs.read(key, range).await.unwrap().unwrap();
    let bytes = read
        .bytes
        .try_fold(Vec::new(), |mut bytes, piece| async move {
            assert!((1..=1024 * 1024).contains(&piece.len()), "pieces of at most 1 MiB");
            bytes.extend_from_slice(&piece);
            Ok(bytes)
        })
        .await
        .unwrap();
    (read.size, bytes)
}

async fn what_is_put_is_read_in_pieces(blobs: &dyn Blobs) {
    let key = fresh("pieces");
    assert!(blobs.read(&key, None).await.unwrap().is_none());
    assert!(blobs.read(&key, Some(0..1)).await.unwrap().is_none());
    assert_eq!(blobs.size(&key).await.unwrap(), None);
    for bytes in [Vec::new(), b"text".to_vec(), vec![7; 3 * 1024 * 1024 + 1]] {
        blobs.put(&key, Bytes::from(bytes.clone())).await.unwrap();
        let size = bytes.len() as u64;
        assert_eq!(blobs.size(&key).await.unwrap(), Some(size));
        assert!(read(blobs, &key, None).await == (size, bytes), "the same bytes");
    }
    blobs.delete(&key).await.unwrap();
    assert_eq!(blobs.size(&key).await.unwrap(), None);
    assert!(blobs.read(&key, None).await.unwrap().is_none());
}

async fn a_part_of_a_blob_can_be_read(blobs: &dyn Blobs) {
    let key = fresh("range");
    blobs.put(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    let cases: [(Range<u64>, &[u8]); 8] = [
        (0..10, b"0123456789"),
        (0..1, b"0"),
        (9..10, b"9"),
        (3..7, b"3456"),
        (5..u64::MAX, b"56789"),
        (4..4, b""),
        (10..20, b""),
        (99..200, b""),
    ];
    for (range, expect) in cases {
        assert_eq!(read(blobs, &key, Some(range.clone())).await, (10, expect.to_vec()), "{range:?}");
    }
    blobs.put(&key, Bytes::new()).await.unwrap();
    assert_eq!(read(blobs, &key, Some(0..5)).await, (0, Vec::new()));
    blobs.delete(&key).await.unwrap();
}

async fn an_upload_is_there_when_it_is_finished(blobs: &dyn Blobs) {
    for pieces in [vec![], vec![""], vec!["one piece"], vec!["several", "", " ", "pieces"]] {
        let key = fresh("upload");
        let whole = pieces.concat();
        let mut upload = blobs.upload(&key).await.unwrap();
        for piece in &pieces {
            upload.write(Bytes::copy_from_slice(piece.as_bytes())).await.unwrap();
        }
        assert_eq!(blobs.size(&key).await.unwrap(), None, "not before the end");
        assert_eq!(upload.finish().await.unwrap(), whole.len() as u64);
        assert_eq!(blobs.get(&key).await.unwrap().unwrap(), whole);
        blobs.delete(&key).await.unwrap();
    }
}

async fn an_upload_takes_the_place_of_what_was(blobs: &dyn Blobs) {
    let key = fresh("replaced");
    blobs.put(&key, Bytes::from_static(b"the first and longer one")).await.unwrap();
    let mut upload = blobs.upload(&key).await.unwrap();
    upload.write(Bytes::from_static(b"second")).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(read(blobs, &key, None).await, (6, b"second".to_vec()));
    blobs.delete(&key).await.unwrap();
}

async fn an_upload_that_is_given_up_leaves_what_was(blobs: &dyn Blobs) {
    let (old, new) = (fresh("old"), fresh("new"));
    blobs.put(&old, Bytes::from_static(b"old")).await.unwrap();
    // One that fits a request, and one of which parts are already there.
    for size in [4, 18 * 1024 * 1024] {
        for key in [&old, &new] {
            let mut dropped = blobs.upload(key).await.unwrap();
            dropped.write(Bytes::from(vec![1; size])).await.unwrap();
            drop(dropped);
            let mut aborted = blobs.upload(key).await.unwrap();
            aborted.write(Bytes::from(vec![1; size])).await.unwrap();
            aborted.abort().await;
        }
        assert_eq!(blobs.get(&old).await.unwrap().unwrap(), "old");
        assert_eq!(blobs.get(&new).await.unwrap(), None);
    }
    blobs.delete(&old).await.unwrap();
}

async fn a_large_upload_comes_back_whole(blobs: &dyn Blobs) {
    // Pieces that fit no part's end, and more than one part in one piece at the last.
    let sizes = [1, 700_001, 5_000_000, 8 * 1024 * 1024, 0, 20_000_000];
    let byte = |at: u64| (at % 251) as u8;
    let key = fresh("large-upload");
    let mut upload = blobs.upload(&key).await.unwrap();
    let mut written = 0;
    for size in sizes {
        upload.write((written..written + size).map(byte).collect()).await.unwrap();
        written += size;
    }
    assert_eq!(upload.finish().await.unwrap(), written);
    assert_eq!(blobs.size(&key).await.unwrap(), Some(written));
    let (size, bytes) = read(blobs, &key, None).await;
    assert_eq!((size, bytes.len() as u64), (written, written));
    assert!((0..written).zip(&bytes).all(|(at, found)| byte(at) == *found), "the same bytes");
    let middle = 8 * 1024 * 1024 - 3..8 * 1024 * 1024 + 5;
    let (_, bytes) = read(blobs, &key, Some(middle.clone())).await;
    assert_eq!(bytes, middle.map(byte).collect::<Vec<_>>());
    blobs.delete(&key).await.unwrap();
}
