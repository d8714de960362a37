//! Files go through within bounds of their own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use outcrop_config::{FilesConfig, ServerConfig};
use serde_json::Value;

use crate::world::{Setup, World, client, key, server_config};

const PIECE: usize = 256 * 1024;

/// Less for every other body than a piece of a file.
async fn world(files: FilesConfig) -> World {
    let config = ServerConfig { max_body_bytes: 64 * 1024, request_timeout_ms: 200, ..server_config() };
    World::of(Setup { config, files, ..Setup::default() }).await
}

fn pieces(count: usize) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    let piece = Bytes::from(vec![7; PIECE]);
    stream::iter((0..count).map(move |_| Ok(piece.clone())))
}

#[actix_web::test]
async fn a_file_goes_through_that_is_larger_and_takes_longer_than_any_other_body() {
    let world = world(FilesConfig::default()).await;
    let slow = pieces(8).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(50)).await;
        piece
    });
    let answer = world.post("/v1/files").body(reqwest::Body::wrap_stream(slow)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told = answer.json::<Value>().await.unwrap();
    assert_eq!(told["bytes"], 8 * PIECE);
    let deadline = told["deadline_ms"].as_u64().unwrap();
    assert!((3_500_000..=3_600_000).contains(&deadline), "the service knows how long: {deadline}");
}

#[actix_web::test]
async fn sixty_four_mebibytes_go_through() {
    let world = world(FilesConfig::default()).await;
    let body = reqwest::Body::wrap_stream(pieces(256));
    let answer = world.post("/v1/files").body(body).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["bytes"], 64 * 1024 * 1024);
}

#[actix_web::test]
async fn a_file_over_its_bound_is_cut() {
    let world = world(FilesConfig { max_bytes: 1024 * 1024, ..FilesConfig::default() }).await;
    for body in [reqwest::Body::wrap_stream(pieces(40)), vec![7; 40 * PIECE].into()] {
        let answer = world.post("/v1/files").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        assert!(answer.text().await.unwrap().contains("request_too_large"));
    }
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
    assert_eq!(world.seen.whole.load(Ordering::SeqCst), 0, "the service did not take it for a whole one");
}

#[actix_web::test]
async fn a_client_that_falls_silent_is_cut_and_the_service_gives_up_too() {
    let world = world(FilesConfig { idle_timeout_ms: 150, ..FilesConfig::default() }).await;
    let stalled = reqwest::Body::wrap_stream(pieces(2).chain(stream::pending()));
    let answer = world.post("/v1/files").body(stalled).send().await.unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "request_timeout");
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
    assert_eq!(world.seen.whole.load(Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn a_download_may_take_longer_than_its_first_byte() {
    let config = ServerConfig { request_timeout_ms: 300, ..server_config() };
    let world = World::of(Setup { config, ..Setup::default() }).await;
    let answer = client().get(world.at("/v1/files")).bearer_auth(key(1)).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 24);
}

#[actix_web::test]
async fn other_paths_keep_their_bounds() {
    let world = world(FilesConfig::default()).await;
    for body in [reqwest::Body::wrap_stream(pieces(4)), vec![7; 4 * PIECE].into()] {
        let answer = world.post("/v1/chat/completions").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 413);
    }
    let answer = world.post("/v1/embeddings").send().await.unwrap();
    assert_eq!(answer.status(), 504);
}
