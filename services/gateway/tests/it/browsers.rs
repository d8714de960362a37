//! Pages, cookies and what strangers' pages try.

use outcrop_config::ServerConfig;
use outcrop_http::{CSRF_HEADER, csrf_token};
use outcrop_types::{PresentedKey, Role, SecretKind};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::world::{World, caller, client, key, server_config};

const APP: &str = "https://app.example.com";

async fn world() -> World {
    let config = ServerConfig { cors_origins: Some(APP.into()), ..server_config() };
    let world = World::with(config, None).await;
    world.know(session().expose(), caller(Role::Developer));
    world
}

fn session() -> PresentedKey {
    PresentedKey::generate_as(SecretKind::Session, [7; 16], [7; 86])
}

/// As a browser that is logged in sends it.
fn with_cookie(world: &World, method: Method, path: &str) -> RequestBuilder {
    let cookie = format!("theme=dark; outcrop_session={}", session().expose());
    client().request(method, world.at(path)).header("cookie", cookie)
}

async fn told(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["detail"].as_str().unwrap_or_default().to_owned())
}

#[actix_web::test]
async fn a_cookie_reads_and_with_its_token_changes() {
    let world = world().await;
    let reads = with_cookie(&world, Method::GET, "/v1/models").send().await.unwrap();
    assert_eq!(reads.status(), 201);
    let body: Value = reads.json().await.unwrap();
    assert!(body["headers"].get("cookie").is_none(), "a service has no use for it");

    let (status, message) = told(with_cookie(&world, Method::POST, "/generate").send().await.unwrap()).await;
    assert_eq!(status, 403);
    assert!(message.contains(CSRF_HEADER), "{message}");

    let changes = with_cookie(&world, Method::POST, "/admin/v1/keys").header("origin", APP);
    let changes = changes.header(CSRF_HEADER, csrf_token(&session())).send().await.unwrap();
    assert_eq!(changes.status(), 201);
    let body: Value = changes.json().await.unwrap();
    assert!(body["headers"].get("cookie").is_some(), "the auth service knows it");
}

#[actix_web::test]
async fn a_strangers_page_gets_nowhere_with_its_visitors_cookie() {
    let world = world().await;
    let token = csrf_token(&session());
    for (method, path, headers) in [
        (Method::POST, "/generate", &[("origin", "https://evil.example"), (CSRF_HEADER, token.as_str())][..]),
        (Method::POST, "/generate", &[("origin", "null"), (CSRF_HEADER, &token)]),
        (Method::POST, "/generate", &[("origin", APP), (CSRF_HEADER, "x")]),
        (Method::DELETE, "/admin/v1/keys/x", &[("sec-fetch-site", "cross-site"), (CSRF_HEADER, &token)]),
        (Method::GET, "/auth/me", &[("sec-fetch-site", "cross-site")]),
        (Method::POST, "/auth/logout", &[("origin", "https://evil.example")]),
        (Method::POST, "/auth/login", &[("origin", "https://evil.example")]),
        (Method::POST, "/auth/password", &[("sec-fetch-site", "cross-site")]),
    ] {
        let mut request = with_cookie(&world, method.clone(), path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{method} {path} {headers:?}");
    }
    assert_eq!(world.behind.count(), 0);
}

#[actix_web::test]
async fn a_key_beside_the_cookie_is_what_counts() {
    let world = world().await;
    let request = with_cookie(&world, Method::POST, "/generate").header("origin", "https://evil.example");
    assert_eq!(request.bearer_auth(key(1)).send().await.unwrap().status(), 201, "no page knows a key");
}

#[actix_web::test]
async fn where_credentials_come_from_none_is_asked_for() {
    let world = world().await;
    for (method, path) in [
        (Method::POST, "/auth/token"),
        (Method::POST, "/auth/login"),
        (Method::GET, "/auth/login/okta"),
        (Method::GET, "/auth/callback/okta?code=x"),
        (Method::POST, "/auth/password"),
        (Method::POST, "/auth/logout"),
        (Method::GET, "/.well-known/jwks.json"),
        (Method::GET, "/.well-known/openid-configuration"),
        (Method::GET, "/.well-known/oauth-authorization-server"),
        (Method::GET, "/.well-known/oauth-protected-resource"),
        (Method::GET, "/.well-known/oauth-protected-resource/mcp"),
        (Method::GET, "/openapi.json"),
    ] {
        // The issuer sends browsers back from another site.
        let request = client().request(method, world.at(path));
        let site = if path.starts_with("/auth/callback") { "cross-site" } else { "same-origin" };
        let answer = request.header("sec-fetch-site", site).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["service"], "auth", "{path}");
    }
    assert_eq!(world.keys.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn a_services_own_words_to_browsers_are_not_said_twice() {
    let world = world().await;
    for (origin, allowed) in [(APP, Some(APP)), ("https://evil.example", None)] {
        let answer = world.post("/generate").header("origin", origin).send().await.unwrap();
        let all = |name| answer.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(all("x-frame-options"), ["DENY"]);
        assert_eq!(all("access-control-allow-origin"), Vec::from_iter(allowed), "{origin}");
    }
}

#[actix_web::test]
async fn a_page_is_told_whether_it_may_ask_before_it_shows_a_key() {
    let world = world().await;
    let ask = async |origin| {
        let request = client().request(Method::OPTIONS, world.at("/v1/chat/completions"));
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization").send().await.unwrap()
    };
    let answer = ask(APP).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (204, &APP.parse().unwrap())
    );
    assert!(!ask("https://evil.example").await.headers().contains_key("access-control-allow-origin"));
    let refused = client().post(world.at("/v1/chat/completions")).header("origin", APP).send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["access-control-allow-origin"]),
        (401, &APP.parse().unwrap())
    );
}
