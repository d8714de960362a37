//! Files have bounds of their own, and nothing else has them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, stream};
use outcrop_config::FilesConfig;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, client};

/// What a form may hold besides its file.
const FORM: usize = 64 * 1024;

fn small() -> FilesConfig {
    FilesConfig { max_bytes: 1024 * 1024, ..FilesConfig::default() }
}

fn chunked(bytes: usize) -> reqwest::Body {
    let pieces = bytes / 1024;
    let rest = (!bytes.is_multiple_of(1024)).then(|| vec![7; bytes % 1024]);
    let all = (0..pieces).map(|_| vec![7; 1024]).chain(rest).map(Ok::<_, std::io::Error>);
    reqwest::Body::wrap_stream(stream::iter(all))
}

/// One piece, and then nothing for ever.
fn stalled() -> reqwest::Body {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"begun"))]);
    reqwest::Body::wrap_stream(first.chain(stream::pending()))
}

#[actix_web::test]
async fn a_file_may_be_larger_than_any_other_body() {
    let world = World::taking(&small());
    let most = 1024 * 1024 + FORM;
    for path in ["/v1/files", "/api/v1/files"] {
        for body in [vec![7; most].into(), chunked(most)] {
            let answer = client().post(world.at(path)).body(body).send().await.unwrap();
            assert_eq!(answer.json::<Value>().await.unwrap()["bytes"], most, "{path}");
        }
    }
}

#[actix_web::test]
async fn a_file_over_its_bound_is_refused_however_it_comes() {
    let world = World::taking(&small());
    let over = 1024 * 1024 + FORM + 1;
    for body in [vec![7; over].into(), chunked(over)] {
        let answer = client().post(world.at("/v1/files")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        let error = answer.json::<Value>().await.unwrap();
        assert_eq!(error["error"]["code"], "request_too_large");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
}

#[actix_web::test]
async fn an_announced_excess_is_refused_before_a_byte_is_sent() {
    let world = World::taking(&small());
    for expect in ["", "expect: 100-continue\r\n"] {
        let mut socket = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
        let length = 1024 * 1024 + FORM + 1;
        let head = format!("POST /v1/files HTTP/1.1\r\nhost: x\r\n{expect}content-length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1024];
        let mut heard = 0;
        while !String::from_utf8_lossy(&answer[..heard]).contains("HTTP/1.1 413") {
            let read = socket.read(&mut answer[heard..]).await.unwrap();
            assert_ne!(read, 0, "{expect}{}", String::from_utf8_lossy(&answer[..heard]));
            heard += read;
        }
    }
}

#[actix_web::test]
async fn who_waits_to_be_asked_for_the_body_is_asked() {
    let world = World::taking(&small());
    let mut socket = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /v1/files HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"bytes").await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[actix_web::test]
async fn a_client_that_falls_silent_is_cut() {
    let world = World::taking(&FilesConfig { idle_timeout_ms: 100, ..small() });
    let answer = client().post(world.at("/v1/files")).body(stalled()).send().await.unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "request_timeout");
    tokio::time::timeout(Duration::from_secs(5), world.in_flight.idle()).await.unwrap();
}

#[actix_web::test]
async fn a_client_that_trickles_is_cut_when_the_time_is_over() {
    let world = World::taking(&FilesConfig { transfer_timeout_ms: 300, ..small() });
    let drops = stream::repeat(()).then(async |()| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"."))
    });
    let begun = Instant::now();
    let body = reqwest::Body::wrap_stream(drops);
    let answer = client().post(world.at("/v1/files")).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 408);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[actix_web::test]
async fn other_paths_keep_their_bounds() {
    let world = World::taking(&FilesConfig { idle_timeout_ms: 50, ..small() });
    for body in [vec![7; 1025].into(), chunked(1025)] {
        let answer = client().post(world.at("/v1/batches")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 413);
    }
    let answer = client().post(world.at("/v1/batches")).body(stalled()).send();
    let cut = tokio::time::timeout(Duration::from_millis(500), answer).await;
    assert!(cut.is_err(), "the wait for files is none of theirs");
}
