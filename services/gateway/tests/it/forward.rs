//! What goes through, and what becomes of it when either side fails.

use std::time::Duration;

use futures::StreamExt;
use outcrop_config::ServerConfig;
use serde_json::Value;

use crate::world::{Setup, World, client, key, server_config};

#[actix_web::test]
async fn each_path_reaches_its_owner_as_it_was_asked_for() {
    let world = World::new().await;
    for (path, owner) in [
        ("/v1/models/anthropic.claude:0", "inference"),
        ("/api/v1/models?limit=2&after=a%2Fb", "inference"),
        ("/v1/jobs/job_1", "jobs"),
        ("/auth/token", "auth"),
    ] {
        let answer = client().get(world.at(path)).bearer_auth(key(1)).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-from-service"]),
            (201, &"yes".parse().unwrap())
        );
        let body: Value = answer.json().await.unwrap();
        assert_eq!((body["service"].as_str(), body["uri"].as_str()), (Some(owner), Some(path)));
    }
    let arn = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse";
    let body: Value = world.post(arn).body("{}").send().await.unwrap().json().await.unwrap();
    assert_eq!(body["uri"], arn, "escapes stay as they are");
}

#[actix_web::test]
async fn headers_go_through_but_those_of_the_connection() {
    let world = World::new().await;
    let request = world
        .post("/generate")
        .header("x-request-id", "r-1")
        .header("x-outcrop-strict", "true")
        .header("x-forwarded-for", "203.0.113.9")
        .header("connection", "keep-alive, x-private")
        .header("x-private", "1")
        .header("te", "trailers")
        .body("hello");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers().get_all("x-request-id").iter().count(), 1);
    assert_eq!(answer.headers()["x-request-id"], "r-1");
    assert!(answer.headers().contains_key("content-length"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["request_id"], &body["body"]), (&"r-1".into(), &"hello".into()));
    let headers = &body["headers"];
    assert_eq!(headers["x-outcrop-strict"], "true");
    assert_eq!(headers["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
    for gone in ["x-private", "te", "authorization"] {
        assert!(headers.get(gone).is_none(), "{gone}");
    }
}

#[actix_web::test]
async fn pieces_of_an_answer_arrive_as_they_are_sent() {
    let world = World::new().await;
    let answer = world.post("/v1/responses").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut pieces = answer.bytes_stream();
    for at in 0..3 {
        world.gate.0.add_permits(1);
        assert_eq!(pieces.next().await.unwrap().unwrap(), format!("data: {at}\n\n"));
    }
    assert!(pieces.next().await.is_none());
}

#[actix_web::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let world = World::new().await;
    let answer = world.post("/v1/rerank").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    world.gate.0.add_permits(1);
    assert!(answer.bytes().await.is_err());
}

#[actix_web::test]
async fn a_client_that_leaves_ends_the_call_behind() {
    let world = World::new().await;
    let streaming = world.post("/v1/responses").send().await.unwrap();
    let waiting = tokio::spawn(world.post("/v1/embeddings").send());
    while world.behind.count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(streaming);
    waiting.abort();
    tokio::time::timeout(Duration::from_secs(5), world.front.idle()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
}

#[actix_web::test]
async fn a_service_that_is_away_is_a_503_and_a_slow_one_a_504() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with(server_config(), Some(format!("http://{free}"))).await;
    let away = world.post("/v1/chat/completions").send().await.unwrap();
    assert_eq!((away.status().as_u16(), &away.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(away.json::<Value>().await.unwrap()["error"]["code"], "service_unavailable");

    let config = ServerConfig { request_timeout_ms: 200, ..server_config() };
    let world = World::with(config, None).await;
    let slow = world.post("/v1/embeddings").send().await.unwrap();
    assert_eq!(slow.status(), 504);
    assert_eq!(slow.json::<Value>().await.unwrap()["error"]["code"], "timeout");
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
}

#[actix_web::test]
async fn a_services_own_refusal_goes_through_as_it_is() {
    let world = World::new().await;
    let answer = client().get(world.at("/v1/chat/completions")).bearer_auth(key(1)).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "method_not_supported");
}

#[actix_web::test]
async fn a_gateway_with_the_wrong_secret_blames_no_key() {
    let secret = "another secret, also 32 bytes long";
    let world = World::of(Setup { secret, ..Setup::default() }).await;
    let answer = world.post("/v1/chat/completions").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!answer.headers().contains_key(outcrop_http::REFUSED_HEADER));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], "service_unavailable");
    assert!(!body.to_string().contains("secret"), "{body}");
}

#[actix_web::test]
async fn what_services_say_to_each_other_stays_inside() {
    let world = World::new().await;
    let answer = world.post("/v1/images/generations").send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(!answer.headers().contains_key(outcrop_http::REFUSED_HEADER));
}
