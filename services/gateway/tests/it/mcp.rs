//! Clients of the Model Context Protocol at the edge.

use std::time::Duration;

use futures::StreamExt;
use outcrop_config::ServerConfig;
use outcrop_types::{Permission, Principal, Role, Scope};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::world::{Setup, World, caller, client, key, server_config};

const URL: &str = "https://ai.example.com";
const APP: &str = "https://app.example.com";
const METADATA: &str =
    "resource_metadata=\"https://ai.example.com/.well-known/oauth-protected-resource/mcp\"";
const WANTED: &str = "scope=\"mcp:use inference:invoke models:read jobs:read jobs:write\"";

async fn world() -> World {
    let config =
        ServerConfig { public_url: Some(URL.into()), cors_origins: Some(APP.into()), ..server_config() };
    World::with(config, None).await
}

/// A message with the developer's key.
fn say(world: &World) -> RequestBuilder {
    world.post("/mcp").header("content-type", "application/json")
}

fn challenge(answer: &Response) -> Option<&str> {
    answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap())
}

/// The status, and the body without the request's id.
async fn told(answer: Response) -> (u16, Value) {
    assert_eq!(answer.headers()["content-type"], "application/json");
    let status = answer.status().as_u16();
    let mut body: Value = answer.json().await.unwrap();
    let id = body["error"]["data"].as_object_mut().unwrap().remove("request_id");
    assert!(id.is_some_and(|id| id.is_string()), "{body}");
    (status, body)
}

#[actix_web::test]
async fn who_shows_nothing_is_told_where_to_get_a_token() {
    let world = world().await;
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let answer = client().request(method, world.at("/mcp")).send().await.unwrap();
        assert_eq!(challenge(&answer), Some(format!("Bearer {METADATA}, {WANTED}").as_str()));
        let (status, body) = told(answer).await;
        let message = "no credential was given; send an API key as `Authorization: Bearer …`";
        assert_eq!(status, 401);
        assert_eq!(
            body,
            json!({
                "jsonrpc": "2.0",
                "error": { "code": 401, "message": message, "data": { "code": "unauthenticated" } }
            })
        );
    }
    let elsewhere = client().post(world.at("/v1/messages")).send().await.unwrap();
    assert_eq!(challenge(&elsewhere), Some("Bearer"));
}

#[actix_web::test]
async fn who_shows_something_bad_is_told_that_too() {
    let world = world().await;
    for credential in [key(9), "sk-other".to_owned(), "a.b.c".to_owned()] {
        let answer = client().post(world.at("/mcp")).bearer_auth(&credential).send().await.unwrap();
        let expected = format!("Bearer error=\"invalid_token\", {METADATA}, {WANTED}");
        assert_eq!(challenge(&answer), Some(expected.as_str()), "{credential}");
        assert_eq!(told(answer).await.0, 401);
    }
}

#[actix_web::test]
async fn who_lacks_the_permission_is_told_what_to_ask_for() {
    let world = world().await;
    let scope = Scope { permissions: Some(vec![Permission::InvokeModel]), ..Scope::default() };
    let narrow = Principal { scope: Some(std::sync::Arc::new(scope)), ..caller(Role::Developer) };
    world.know(&key(3), narrow);
    for seed in [2, 3] {
        let answer = client().post(world.at("/mcp")).bearer_auth(key(seed)).send().await.unwrap();
        let expected = format!("Bearer error=\"insufficient_scope\", {METADATA}, scope=\"mcp:use\"");
        assert_eq!(challenge(&answer), Some(expected.as_str()));
        let (status, body) = told(answer).await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!(403)));
        assert!(body["error"]["message"].as_str().unwrap().contains("mcp:use"), "{body}");
    }
    // A wider token would change nothing about where, and for what, this one is good.
    let elsewhere = Scope { routes: vec!["/v1/*".parse().unwrap()], ..Scope::default() };
    world.know(&key(4), Principal { scope: Some(std::sync::Arc::new(elsewhere)), ..caller(Role::Developer) });
    let answer = client().post(world.at("/mcp")).bearer_auth(key(4)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), challenge(&answer)), (403, None));
}

#[actix_web::test]
async fn a_token_in_the_address_is_none() {
    let world = world().await;
    for name in ["access_token", "token", "api_key", "x-api-key", "authorization"] {
        let answer = client().post(world.at(&format!("/mcp?{name}={}", key(1)))).send().await.unwrap();
        assert_eq!(challenge(&answer), Some(format!("Bearer {METADATA}, {WANTED}").as_str()), "{name}");
        assert_eq!(answer.status(), 401, "{name}");
    }
    assert_eq!(world.keys.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn a_strangers_page_is_refused_before_its_credential_is_looked_at() {
    let world = world().await;
    for origin in ["https://evil.example", "http://localhost:8080", "http://ai.example.com", "null", ""] {
        let answer = say(&world).header("origin", origin).send().await.unwrap();
        assert_eq!(challenge(&answer), None);
        let (status, body) = told(answer).await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!(403)), "{origin}");
        assert_eq!(body.get("id"), None);
        assert!(body["error"]["message"].as_str().unwrap().contains("server.cors_origins"), "{body}");
    }
    let two = say(&world).header("origin", APP).header("origin", "https://evil.example");
    assert_eq!(two.send().await.unwrap().status(), 403);
    assert_eq!(world.keys.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    for origin in [URL, APP] {
        assert_eq!(say(&world).header("origin", origin).send().await.unwrap().status(), 201);
    }
    let elsewhere = world.post("/generate").header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), 201, "a key is no cookie");
}

#[actix_web::test]
async fn on_this_machine_its_pages_are_our_own() {
    let world = World::new().await;
    for origin in ["http://localhost:6274", "http://127.0.0.1:8080", "http://[::1]"] {
        assert_eq!(say(&world).header("origin", origin).send().await.unwrap().status(), 201);
    }
    // As of a page whose name was made to point here.
    let rebound = say(&world).header("host", "evil.example.com");
    let rebound = rebound.header("origin", "http://evil.example.com").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
}

#[actix_web::test]
async fn pages_of_listed_origins_speak_the_protocol() {
    let world = world().await;
    for method in ["GET", "POST", "DELETE"] {
        let names = "authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-param-region, \
                     mcp-protocol-version, mcp-session-id";
        let request = client().request(Method::OPTIONS, world.at("/mcp")).header("origin", APP);
        let request = request.header("access-control-request-method", method);
        let answer = request.header("access-control-request-headers", names).send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers()["access-control-allow-headers"], names);
        assert!(answer.headers()["access-control-allow-methods"].to_str().unwrap().contains(method));
    }
    let refused = client().post(world.at("/mcp")).header("origin", APP).send().await.unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], APP);
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    for name in ["mcp-session-id", "www-authenticate"] {
        assert!(exposed.split(", ").any(|it| it == name), "{exposed}");
    }
}

#[actix_web::test]
async fn pages_of_this_machine_speak_the_protocol_without_cookies() {
    let world = World::new().await;
    let page = "http://localhost:6274";
    let ask = |path: &str, origin: &str| {
        let request = client().request(Method::OPTIONS, world.at(path)).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization, content-type").send()
    };
    let allowed = ask("/mcp", page).await.unwrap();
    assert_eq!(allowed.status(), 204);
    assert_eq!(allowed.headers()["access-control-allow-origin"], page);
    assert_eq!(allowed.headers()["access-control-allow-headers"], "authorization, content-type");
    assert!(allowed.headers().get("access-control-allow-credentials").is_none());
    let answer = say(&world).header("origin", page).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (201, &page.parse().unwrap())
    );
    assert_eq!(answer.headers()["vary"], "origin");
    assert!(answer.headers().get("access-control-allow-credentials").is_none());
    for (path, origin) in [("/v1/messages", page), ("/mcp/more", page), ("/mcp", "http://evil.example")] {
        let refused = ask(path, origin).await.unwrap();
        assert!(refused.headers().get("access-control-allow-origin").is_none(), "{path} {origin}");
        assert!(refused.headers().get("access-control-allow-methods").is_none(), "{path} {origin}");
    }
}

#[actix_web::test]
async fn a_method_that_is_none_is_told_those_that_are() {
    let world = world().await;
    for method in [Method::PUT, Method::PATCH, Method::HEAD, Method::OPTIONS] {
        let answer = client().request(method.clone(), world.at("/mcp")).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.headers()["allow"], "GET, POST, DELETE", "{method}");
    }
}

#[actix_web::test]
async fn a_message_says_that_it_is_json() {
    let world = world().await;
    let with = |kind: &str| world.post("/mcp").header("content-type", kind);
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(with(kind).send().await.unwrap().status(), 201, "{kind}");
    }
    let text = "text/plain";
    let others = ["", text, "application/jsonp", "application/x-www-form-urlencoded"].map(with);
    for request in others.into_iter().chain([world.post("/mcp"), say(&world).header("content-type", text)]) {
        let (status, body) = told(request.send().await.unwrap()).await;
        assert_eq!((status, &body["error"]["data"]["code"]), (415, &json!("unsupported_media_type")));
    }
    // Who may not come in is told that first.
    assert_eq!(client().post(world.at("/mcp")).send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn its_headers_pass_both_ways() {
    let world = world().await;
    let sent = [
        ("mcp-session-id", "mcps_1"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "chat"),
        ("mcp-param-region", "eu"),
        ("last-event-id", "s_1"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    for method in [Method::POST, Method::DELETE] {
        let mut request = client().request(method.clone(), world.at("/mcp")).bearer_auth(key(1));
        for (name, value) in sent {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["mcp-session-id"], "mcps_of_the_service");
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["service"], &body["method"]), (&json!("inference"), &json!(method.as_str())));
        for (name, value) in sent {
            assert_eq!(body["headers"][name], value, "{name}");
        }
    }
}

#[actix_web::test]
async fn failures_of_the_edge_are_errors_of_json_rpc() {
    let world = world().await;
    *world.keys.away.lock().unwrap() = true;
    let answer = say(&world).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "1");
    let (status, body) = told(answer).await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!(503)));
    *world.keys.away.lock().unwrap() = false;

    let config = ServerConfig { max_body_bytes: 1_024, ..server_config() };
    let narrow = World::with(config, None).await;
    let (status, body) = told(narrow.post("/mcp").body("x".repeat(2_000)).send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["data"]["code"]), (413, &json!("payload_too_large")));

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let alone = World::with(server_config(), Some(format!("http://{free}"))).await;
    let (status, body) = told(say(&alone).send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!(503)));
    let (status, body) = told(world.post("/mcp/more").send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!(404)));
}

/// Opens a stream and hears that it is open.
async fn listen(world: &World, method: Method, said: &str) -> reqwest::Response {
    let request = client().request(method, world.at("/mcp")).bearer_auth(key(1));
    let request = request.header("accept", "text/event-stream").header("content-type", "application/json");
    let request = request.header("mcp-method", said);
    let answer = request.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"text/event-stream".parse().unwrap())
    );
    answer
}

#[actix_web::test]
async fn a_quiet_stream_outlives_the_time_for_requests() {
    let config = ServerConfig { request_timeout_ms: 200, ..server_config() };
    let world = World::with(config, None).await;
    let mut pieces = listen(&world, Method::GET, "").await.bytes_stream();
    tokio::time::sleep(Duration::from_millis(600)).await;
    world.gate.0.add_permits(1);
    assert_eq!(pieces.next().await.unwrap().unwrap(), "data: 0\n\n");
}

#[actix_web::test]
async fn who_listens_no_more_is_not_told_any_more() {
    let world = world().await;
    let listening = listen(&world, Method::GET, "").await;
    assert_eq!((world.front.count(), world.behind.count()), (1, 1));
    drop(listening);
    tokio::time::timeout(Duration::from_secs(5), world.front.idle()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), world.behind.idle()).await.unwrap();
}

#[actix_web::test]
async fn a_gateway_that_stops_waits_for_no_news_but_for_answers() {
    let config = ServerConfig { drain_ms: 20_000, ..server_config() };
    let world = World::of(Setup { config, ..Setup::default() }).await;
    let news =
        [listen(&world, Method::GET, "").await, listen(&world, Method::POST, "subscriptions/listen").await];
    let mut answer = listen(&world, Method::POST, "tools/call").await.bytes_stream();
    world.stop_gateway();
    for stream in news {
        let all = tokio::time::timeout(Duration::from_secs(5), stream.bytes()).await.unwrap();
        assert_eq!(all.unwrap(), "", "a whole end, after which clients come back");
    }
    // Who listened is let go behind, too; else it would take what is meant for the answer.
    tokio::time::timeout(Duration::from_secs(5), async {
        while world.behind.count() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    world.gate.0.add_permits(3);
    for at in 0..3 {
        assert_eq!(answer.next().await.unwrap().unwrap(), format!("data: {at}\n\n"));
    }
    assert!(answer.next().await.is_none());
    tokio::time::timeout(Duration::from_secs(5), world.front.idle()).await.unwrap();
}

/// How long a stream may go on after what ends it, with a wide margin.
const SOON: Duration = Duration::from_secs(15);

#[actix_web::test]
async fn a_key_that_is_deleted_hears_nothing_any_more() {
    let world = world().await;
    let streams = [
        listen(&world, Method::GET, "").await,
        listen(&world, Method::POST, "subscriptions/listen").await,
        listen(&world, Method::POST, "tools/call").await,
    ];
    world.keys.known.lock().unwrap().remove(&key(1));
    for stream in streams {
        let all = tokio::time::timeout(SOON, stream.bytes()).await.unwrap();
        assert_eq!(all.unwrap(), "", "a whole end");
    }
    tokio::time::timeout(SOON, world.behind.idle()).await.unwrap();
}

#[actix_web::test]
async fn who_is_somebody_else_now_listens_again() {
    let world = world().await;
    let news = listen(&world, Method::GET, "").await;
    let mut call = listen(&world, Method::POST, "tools/call").await.bytes_stream();
    world.know(&key(1), caller(Role::TeamAdmin));
    assert_eq!(tokio::time::timeout(SOON, news.bytes()).await.unwrap().unwrap(), "");
    world.gate.0.add_permits(3);
    assert_eq!(call.next().await.unwrap().unwrap(), "data: 0\n\n", "its call was let in");
}

#[actix_web::test]
async fn a_store_that_is_away_ends_no_stream() {
    let world = world().await;
    let mut news = listen(&world, Method::GET, "").await.bytes_stream();
    *world.keys.away.lock().unwrap() = true;
    let asked = world.keys.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert!(tokio::time::timeout(Duration::from_secs(7), news.next()).await.is_err(), "it goes on");
    assert!(world.keys.asked.load(std::sync::atomic::Ordering::SeqCst) > asked, "it was asked for");
    world.gate.0.add_permits(1);
    assert_eq!(news.next().await.unwrap().unwrap(), "data: 0\n\n");
}

#[actix_web::test]
async fn a_token_ends_what_it_listens_to_and_no_call() {
    let world = world().await;
    world.end_after(Duration::from_secs(2));
    let news = listen(&world, Method::GET, "").await;
    let mut call = listen(&world, Method::POST, "tools/call").await.bytes_stream();
    assert_eq!(tokio::time::timeout(SOON, news.bytes()).await.unwrap().unwrap(), "");
    assert!(tokio::time::timeout(Duration::from_secs(6), call.next()).await.is_err(), "it goes on");
    world.gate.0.add_permits(1);
    assert_eq!(call.next().await.unwrap().unwrap(), "data: 0\n\n");
}
