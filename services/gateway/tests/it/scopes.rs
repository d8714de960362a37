//! What a credential is narrowed to, and what is forgotten when something changes.

use std::sync::Arc;
use std::time::Duration;

use outcrop_config::ServerConfig;
use outcrop_http::CLIENT_IP_HEADER;
use outcrop_ports::Changes;
use outcrop_types::{Change, Permission, PresentedKey, Principal, Role, Scope};
use reqwest::StatusCode;
use serde_json::Value;

use crate::world::{Setup, World, caller, client, key, server_config};

fn narrowed(scope: Scope) -> Principal {
    Principal { scope: Some(Arc::new(scope)), ..caller(Role::Developer) }
}

/// Status and message of a call with the key of this seed.
async fn call(world: &World, seed: u8, path: &str) -> (StatusCode, String) {
    let answer = client().post(world.at(path)).bearer_auth(key(seed)).send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["error"]["message"].as_str().or(body["detail"].as_str()).unwrap_or_default().to_owned())
}

#[actix_web::test]
async fn a_credential_for_some_paths_is_good_for_no_other() {
    let world = World::new().await;
    let routes = vec!["/v1/chat/*".parse().unwrap(), "/admin/v1/keys*".parse().unwrap()];
    world.know(&key(3), narrowed(Scope { routes, ..Scope::default() }));
    for path in ["/v1/chat/completions", "/api/v1/chat/other", "/admin/v1/keys/x"] {
        assert!(call(&world, 3, path).await.0.is_success(), "{path}");
    }
    // Below /admin/v1 the auth service refuses, and notes that it did.
    assert!(call(&world, 3, "/admin/v1/users").await.0.is_success());
    for path in ["/generate", "/v1/embeddings", "/auth/me"] {
        let message = "this credential may not be used for this path".to_owned();
        assert_eq!(call(&world, 3, path).await, (StatusCode::FORBIDDEN, message), "{path}");
    }
}

#[actix_web::test]
async fn a_credential_for_some_networks_is_good_from_no_other() {
    let trusted = Some("127.0.0.1".into());
    let world = World::with(ServerConfig { trusted_proxies: trusted, ..server_config() }, None).await;
    let networks = vec!["203.0.113.0/24".parse().unwrap()];
    world.know(&key(3), narrowed(Scope { networks, ..Scope::default() }));
    let from = async |chain: &str| {
        let request = client().post(world.at("/generate")).bearer_auth(key(3));
        request.header("x-forwarded-for", chain).send().await.unwrap()
    };
    let answer = from("203.0.113.9").await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json::<Value>().await.unwrap()["client_ip"], "203.0.113.9");
    for chain in ["198.51.100.1", "203.0.113.9, 198.51.100.1", "unknown"] {
        let answer = from(chain).await;
        assert_eq!(answer.status(), 403, "{chain}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("from this address") && !text.contains("203.0.113"), "{text}");
    }
}

#[actix_web::test]
async fn the_services_learn_the_address_and_clients_say_nothing_of_it() {
    let world = World::new().await;
    let request = world.post("/generate").header(CLIENT_IP_HEADER, "198.51.100.1");
    let body: Value =
        request.header("x-forwarded-for", "203.0.113.9").send().await.unwrap().json().await.unwrap();
    assert_eq!(body["client_ip"], "127.0.0.1");
}

#[actix_web::test]
async fn a_scope_without_the_permission_is_told_so() {
    let world = World::new().await;
    let permissions = Some(vec![Permission::ReadModels]);
    world.know(&key(3), narrowed(Scope { permissions, ..Scope::default() }));
    let (status, message) = call(&world, 3, "/v1/chat/completions").await;
    assert_eq!(status, 403);
    assert!(message.contains("`inference:invoke`") && message.contains("the scope"), "{message}");
    assert!(call(&world, 3, "/v1/models").await.0.is_success());
}

#[actix_web::test]
async fn below_admin_the_auth_service_decides() {
    let world = World::new().await;
    for method in
        [reqwest::Method::GET, reqwest::Method::PATCH, reqwest::Method::PUT, reqwest::Method::DELETE]
    {
        let request = client().request(method.clone(), world.at("/admin/v1/teams/x/members/y"));
        let body: Value = request.bearer_auth(key(2)).send().await.unwrap().json().await.unwrap();
        assert_eq!((&body["service"], &body["method"]), (&"auth".into(), &method.as_str().into()));
        assert_eq!(body["principal"]["role"], "viewer");
    }
    let nobody = client().get(world.at("/admin/v1/teams")).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.headers()["cache-control"], "no-store");
}

#[actix_web::test]
async fn what_is_announced_as_changed_is_asked_about_at_once() {
    let world = World::of(Setup { cache_ttl: Duration::from_secs(3_600), ..Setup::default() }).await;
    let id = PresentedKey::parse(&key(1)).unwrap().id().clone();
    world.know(&key(1), Principal { key: Some(id.clone()), ..caller(Role::Developer) });
    assert_eq!(call(&world, 1, "/generate").await.0, 201);
    world.know(&key(1), Principal { key: Some(id.clone()), ..caller(Role::Viewer) });
    assert_eq!(call(&world, 1, "/generate").await.0, 201, "nobody has said so yet");
    world.changes.announce(&Change::Key(id)).await.unwrap();
    let refused = async {
        // The word takes a moment to the listener.
        while call(&world, 1, "/generate").await.0 != 403 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
}

#[actix_web::test]
async fn a_token_comes_in_as_a_key_does() {
    let world = World::new().await;
    world.know("eyJhbGciOiJub25lIn0.e30.c2ln", caller(Role::Developer));
    for (token, status) in [("eyJhbGciOiJub25lIn0.e30.c2ln", 201), ("eyJhbGciOiJub25lIn0.e30.b3Ro", 401)] {
        let answer = client().post(world.at("/generate")).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let asked = world.keys.asked.load(std::sync::atomic::Ordering::SeqCst);
    let text = client().post(world.at("/generate")).bearer_auth("any other text").send().await.unwrap();
    assert_eq!(text.status(), 401);
    assert_eq!(world.keys.asked.load(std::sync::atomic::Ordering::SeqCst), asked, "nobody is asked about it");
}
