//! What browsers are told.

use outcrop_config::ServerConfig;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::world::{World, client, config};

const APP: &str = "https://app.example.com";

fn world() -> World {
    let cors_origins = Some(format!("{APP}, http://localhost:3000"));
    World::public(&ServerConfig { cors_origins, ..config() })
}

async fn preflight(world: &World, origin: &str, method: &str, headers: &str) -> Response {
    let request = client()
        .request(Method::OPTIONS, world.at("/v1/chat/completions"))
        .header("origin", origin)
        .header("access-control-request-method", method);
    let request =
        if headers.is_empty() { request } else { request.header("access-control-request-headers", headers) };
    request.send().await.unwrap()
}

fn allows(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("access-control-"))
}

#[actix_web::test]
async fn a_listed_page_may_ask_and_is_told_before_anybody_asks_who_it_is() {
    let world = world();
    let wanted = "authorization,content-type,x-stainless-retry-count,anthropic-version,OpenAI-Beta,\
                  mcp-session-id,x-outcrop-csrf,idempotency-key,x-request-id,last-event-id,x-api-key,api-key";
    let answer = preflight(&world, APP, "POST", wanted).await;
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], APP);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST, PUT, PATCH, DELETE");
    assert_eq!(headers["access-control-allow-headers"], wanted.replace(',', ", "));
    assert_eq!(headers["access-control-max-age"], "600");
    assert_eq!(headers["vary"], "origin");
    assert!(headers.contains_key("x-request-id"));
    let bare = preflight(&world, "http://localhost:3000", "DELETE", "").await;
    assert_eq!(bare.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert!(!bare.headers().contains_key("access-control-allow-headers"));
}

#[actix_web::test]
async fn nothing_else_gets_leave() {
    let world = world();
    for (origin, method, headers) in [
        ("https://evil.example", "POST", "content-type"),
        ("null", "GET", ""),
        ("https://app.example.com.evil.example", "GET", ""),
        ("http://app.example.com", "GET", ""),
        (APP, "TRACE", ""),
        (APP, "post", ""),
        (APP, "POST", "content-type, x-forwarded-for"),
        (APP, "POST", "cookie"),
        (APP, "POST", "x-stainless"),
    ] {
        let answer = preflight(&world, origin, method, headers).await;
        assert_eq!(answer.status(), 204, "{origin} {method} {headers}");
        assert!(!allows(answer.headers()), "{origin} {method} {headers}");
        assert_eq!(answer.headers()["vary"], "origin");
    }
}

#[actix_web::test]
async fn a_listed_page_reads_answers_and_failures() {
    let world = world();
    let get = |path: &str| client().get(world.at(path)).header("origin", APP);
    let big = client().post(world.at("/generate")).header("origin", APP).body("a".repeat(2000));
    for (request, status) in [
        (get("/healthz"), 200),
        (get("/nothing"), 404),
        (get("/v1/chat/completions"), 405),
        (get("/v1/jobs/fail?status=401"), 401),
        (get("/v1/jobs/fail"), 500),
        (big, 413),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], APP, "{status}");
        assert_eq!(answer.headers()["access-control-allow-credentials"], "true", "{status}");
        assert_eq!(answer.headers()["vary"], "origin", "{status}");
    }
    let late = ServerConfig { request_timeout_ms: 50, cors_origins: Some(APP.into()), ..config() };
    let late = World::public(&late);
    let answer = client().get(late.at("/v1/jobs/late")).header("origin", APP).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (504, &APP.parse().unwrap())
    );
}

#[actix_web::test]
async fn a_listed_page_sees_the_headers_that_are_meant_for_it() {
    let world = world();
    let answer = client().get(world.at("/page")).header("origin", APP).send().await.unwrap();
    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    let exposed: Vec<&str> = exposed.split(", ").collect();
    for name in [
        "x-request-id",
        "request-id",
        "retry-after",
        "mcp-session-id",
        "x-ratelimit-limit-requests",
        "x-outcrop-model",
    ] {
        assert!(exposed.contains(&name), "{name}: {exposed:?}");
    }
    assert!(!exposed.iter().any(|name| *name == "x-private" || name.contains('*')));
    let vary: Vec<_> = answer.headers().get_all("vary").iter().collect();
    assert_eq!(vary, ["accept-encoding", "origin"]);
}

#[actix_web::test]
async fn a_page_that_is_not_listed_reads_nothing() {
    let world = world();
    for origin in ["https://evil.example", "null"] {
        for path in ["/healthz", "/nothing"] {
            let answer = client().get(world.at(path)).header("origin", origin).send().await.unwrap();
            assert!(!allows(answer.headers()), "{origin} {path}");
            assert_eq!(answer.headers()["vary"], "origin", "caches must keep them apart");
        }
    }
    let none = World::public(&config());
    let answer = client().get(none.at("/healthz")).header("origin", APP).send().await.unwrap();
    assert!(!allows(answer.headers()) && !answer.headers().contains_key("vary"));
}

#[actix_web::test]
async fn a_question_that_is_no_preflight_goes_its_way() {
    let world = world();
    let bare = client().request(Method::OPTIONS, world.at("/v1/chat/completions"));
    assert_eq!(bare.send().await.unwrap().status(), 405);
    let behind = World::new();
    assert_eq!(preflight(&behind, APP, "POST", "").await.status(), 405, "services face no browser");
}

#[actix_web::test]
async fn every_public_answer_says_how_little_may_be_made_of_it() {
    let world = World::public(&config());
    for path in ["/healthz", "/nothing", "/v1/jobs/fail", "/v1/chat/completions"] {
        let answer = client().get(world.at(path)).send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(headers["content-security-policy"], policy, "{path}");
        assert!(!headers.contains_key("strict-transport-security"), "{path}");
    }
    let page = client().get(world.at("/page")).send().await.unwrap();
    let all = |name| page.headers().get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(all("content-security-policy"), ["default-src 'self'"]);
    assert_eq!(all("x-frame-options"), ["DENY"]);
    let behind = client().get(World::new().at("/healthz")).send().await.unwrap();
    assert!(!behind.headers().contains_key("x-frame-options"));
}

#[actix_web::test]
async fn where_the_public_comes_by_https_it_comes_by_nothing_else() {
    let config = ServerConfig { public_url: Some("https://ai.example.com".into()), ..config() };
    let answer = client().get(World::public(&config).at("/healthz")).send().await.unwrap();
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
}
