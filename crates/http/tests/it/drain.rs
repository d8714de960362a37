//! Stopping with answers under way.

use std::time::{Duration, Instant};

use actix_web::web;
use futures::StreamExt;
use outcrop_config::ServerConfig;
use outcrop_http::{Layer, Server, ServerParts};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

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
    let refused = fresh(&world, "/v1/chat/completions").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["connection"]),
        (503, &"close".parse().unwrap())
    );
    assert_eq!(refused.headers()["retry-after"], "1");
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
    let world = World::new();
    let stream = client().get(world.at("/v1/jobs/slow")).send().await.unwrap();
    world.stop.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = fresh(&world, "/readyz").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.text().await.unwrap(), r#"{"status":"draining"}"#);
    assert_eq!(fresh(&world, "/healthz").await.status(), 200, "it is still alive");
    world.pieces.add_permits(3);
    stream.bytes().await.unwrap();
    tokio::time::timeout(Duration::from_secs(3), world.running).await.unwrap().unwrap().unwrap();
    assert!(
        client().get(format!("{}/healthz", world.url)).send().await.is_err(),
        "the address is free again"
    );
}

/// As connections of a database pool are: opened by whoever asked first, used by whoever asks next.
#[actix_web::test]
async fn a_connection_opened_by_a_request_still_serves_what_runs_at_the_end() {
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer_addr = peer.local_addr().unwrap();
    let (give, mut taken) = tokio::sync::mpsc::channel::<tokio::net::TcpStream>(1);
    let open = move || {
        let give = give.clone();
        async move {
            give.send(tokio::net::TcpStream::connect(peer_addr).await.unwrap()).await.unwrap();
            actix_web::HttpResponse::Ok().finish()
        }
    };
    let parts = ServerParts {
        in_flight: outcrop_lifecycle::InFlight::default(),
        ids: std::sync::Arc::new(crate::world::CountingIds::default()),
        layer: Layer::none(),
        health: outcrop_http::Health::new(Vec::new()),
    };
    let routes = move |app: &mut web::ServiceConfig| {
        app.route("/open", web::get().to(open.clone()));
    };
    let server = Server::bind(&config(), parts, routes).unwrap();
    let (url, stop) = (format!("http://{}/open", server.addr()), CancellationToken::new());
    let (done, outcome) = tokio::sync::oneshot::channel();
    let rest = async move {
        let mut connection = taken.recv().await.unwrap();
        done.send(connection.write_all(b"the last words").await).unwrap();
        tokio::io::AsyncReadExt::read(&mut connection, &mut [0; 1]).await.unwrap();
    };
    let running = actix_web::rt::spawn(server.run_then(stop.clone(), rest));
    assert_eq!(client().get(url).send().await.unwrap().status(), 200);
    stop.cancel();
    let (mut heard, _) = peer.accept().await.unwrap();
    outcome.await.unwrap().unwrap();
    assert!(!running.is_finished(), "the rest has not ended");
    heard.write_all(b".").await.unwrap();
    tokio::time::timeout(Duration::from_secs(3), running).await.unwrap().unwrap().unwrap();
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
async fn fresh(world: &World, path: &str) -> reqwest::Response {
    client().get(world.at(path)).send().await.unwrap()
}
