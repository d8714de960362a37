//! Stopping with answers under way.

use std::time::{Duration, Instant};

use futures::StreamExt;
use outcrop_config::ServerConfig;
use outcrop_http::{Layer, Server, ServerParts};

use crate::world::{World, client, config};

#[actix_web::test]
async fn an_open_stream_is_finished_and_then_the_server_ends() {
    let world = World::new();
    let client = client();
    let answer = client.get(world.at("/v1/jobs/slow")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    let mut pieces = answer.bytes_stream();
    world.pieces.add_permits(1);
    assert_eq!(pieces.next().await.unwrap().unwrap(), "data: 0\n\n");
    // A second connection stays open and idle.
    client.get(world.at("/healthz")).send().await.unwrap();

    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!world.running.is_finished(), "an answer is open");
    assert!(fresh(&world, "/healthz").await.is_err(), "no new connection is taken");
    world.pieces.add_permits(2);
    assert_eq!(pieces.next().await.unwrap().unwrap(), "data: 1\n\n");
    assert_eq!(pieces.next().await.unwrap().unwrap(), "data: 2\n\n");
    assert!(pieces.next().await.is_none(), "a true end");
    let ended = tokio::time::timeout(Duration::from_secs(3), world.running).await.unwrap();
    ended.unwrap().unwrap();
    assert_eq!(world.in_flight.count(), 0);
}

#[actix_web::test]
async fn the_drain_time_bounds_the_waiting() {
    let world = World::with(&ServerConfig { drain_ms: 300, ..config() }, Layer::none(), Vec::new());
    let answer = client().get(world.at("/v1/jobs/slow")).send().await.unwrap();
    let began = Instant::now();
    world.stop.cancel();
    tokio::time::timeout(Duration::from_secs(3), world.running).await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(answer.bytes().await.is_err(), "the client can tell that it was cut");
}

#[actix_web::test]
async fn an_idle_server_ends_although_connections_are_kept_open() {
    let world = World::new();
    let client = client();
    client.get(world.at("/healthz")).send().await.unwrap().bytes().await.unwrap();
    world.stop.cancel();
    tokio::time::timeout(Duration::from_secs(2), world.running).await.unwrap().unwrap().unwrap();
}

#[actix_web::test]
async fn readiness_ends_when_draining_begins() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new();
    let held = tokio::spawn(client().get(world.at("/v1/jobs/slow")).send());
    // A request whose head is half sent when the server is told to stop.
    let mut socket =
        tokio::net::TcpStream::connect(world.url.strip_prefix("http://").unwrap()).await.unwrap();
    socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    while world.in_flight.count() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    socket.write_all(b"\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with(r#"{"status":"draining"}"#), "{answer}");
    world.pieces.add_permits(3);
    held.await.unwrap().unwrap().bytes().await.unwrap();
}

#[actix_web::test]
async fn a_client_that_leaves_ends_its_handler_and_its_stream() {
    let world = World::new();
    let stream = client().get(world.at("/v1/jobs/slow")).send().await.unwrap();
    assert_eq!(world.in_flight.count(), 1);
    drop(stream);
    let handler = tokio::spawn(client().get(world.at("/v1/jobs/late")).send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    handler.abort();
    tokio::time::timeout(Duration::from_secs(3), world.in_flight.idle()).await.unwrap();
}

#[actix_web::test]
async fn a_taken_address_is_told_in_one_line() {
    let world = World::new();
    let port = world.url.rsplit(':').next().unwrap().parse().unwrap();
    let parts = ServerParts {
        in_flight: outcrop_lifecycle::InFlight::default(),
        ids: std::sync::Arc::new(crate::world::CountingIds::default()),
        layer: Layer::none(),
        health: outcrop_http::Health::new(Vec::new()),
    };
    let error = Server::bind(&ServerConfig { port, ..config() }, parts, |_| {}).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{port}: the address is in use"));
}

/// Over a connection of its own.
async fn fresh(world: &World, path: &str) -> reqwest::Result<reqwest::Response> {
    client().get(world.at(path)).send().await
}
