//! Large bodies go through without being held.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use outcrop_config::ServerConfig;
use tokio::sync::mpsc;

use crate::world::{World, server_config};

const PIECE: usize = 256 * 1024;

/// A body whose pieces are handed over one by one.
fn fed() -> (mpsc::Sender<Bytes>, reqwest::Body) {
    let (to, from) = mpsc::channel::<Bytes>(1);
    let pieces = stream::unfold(from, |mut from| async { from.recv().await.map(|piece| (piece, from)) });
    (to, reqwest::Body::wrap_stream(pieces.map(Ok::<_, std::io::Error>)))
}

#[actix_web::test]
async fn twenty_megabytes_go_through_as_they_come() {
    let world = World::new().await;
    let (to, body) = fed();
    let answer = tokio::spawn(world.post("/v1/chat/completions").body(body).send());
    for sent in 1..=80 {
        to.send(Bytes::from(vec![7; PIECE])).await.unwrap();
        // All but what is on its way must be there before more is sent: nobody holds the body back.
        let there = async {
            while world.seen.bytes.load(Ordering::SeqCst) + PIECE < sent * PIECE {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), there).await.unwrap();
    }
    drop(to);
    assert_eq!(answer.await.unwrap().unwrap().text().await.unwrap(), "20971520");
    // The same with its length known from the start.
    let body = vec![7; 80 * PIECE];
    let answer = world.post("/v1/chat/completions").body(body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "20971520");
    assert_eq!(world.seen.whole.load(Ordering::SeqCst), 2);
}

#[actix_web::test]
async fn a_service_that_does_not_read_holds_the_client_back() {
    let world = World::new().await;
    let (to, body) = fed();
    let answer = tokio::spawn(world.post("/v1/completions").body(body).send());
    let mut sent = 0;
    // Ends when nothing more is taken for a while.
    while tokio::time::timeout(Duration::from_millis(500), to.send(Bytes::from(vec![7; PIECE]))).await.is_ok()
    {
        sent += PIECE;
        assert!(sent < 30 * 1024 * 1024, "somebody takes it all in");
    }
    assert_eq!(world.front.count(), 1);
    answer.abort();
}

#[actix_web::test]
async fn an_unannounced_body_is_counted() {
    let config = ServerConfig { max_body_bytes: 1024 * 1024, ..server_config() };
    let world = World::with(config, None).await;
    let pieces = (0..8).map(|_| Ok::<_, std::io::Error>(vec![7; PIECE]));
    let body = reqwest::Body::wrap_stream(stream::iter(pieces));
    let answer = world.post("/v1/chat/completions").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(answer.text().await.unwrap().contains("request_too_large"));
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
    assert_eq!(world.seen.whole.load(Ordering::SeqCst), 0, "the service did not take it for a whole one");
}

#[actix_web::test]
async fn a_client_that_breaks_off_its_body_leaves_no_whole_one_behind() {
    let world = World::new().await;
    let (to, body) = fed();
    let answer = tokio::spawn(world.post("/v1/chat/completions").body(body).send());
    to.send(Bytes::from(vec![7; PIECE])).await.unwrap();
    while world.seen.bytes.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    answer.abort();
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
    assert_eq!(world.seen.whole.load(Ordering::SeqCst), 0);
}
