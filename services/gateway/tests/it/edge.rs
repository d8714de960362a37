//! Who comes in.

use std::sync::atomic::Ordering;
use std::time::Duration;

use outcrop_token::{HEADER, InternalSigner, service_principal};
use outcrop_types::Role;
use serde_json::{Value, json};

use crate::world::{SECRET, World, caller, client, key};

#[actix_web::test]
async fn a_key_comes_in_however_it_is_sent() {
    let world = World::new().await;
    for (name, value) in
        [("authorization", format!("Bearer {}", key(1))), ("x-api-key", key(1)), ("api-key", key(1))]
    {
        let answer = client().post(world.at("/generate")).header(name, value).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["principal"], serde_json::to_value(caller(Role::Developer)).unwrap(), "{name}");
        assert!(body["headers"].get(name).is_none(), "the services get no credential");
    }
}

#[actix_web::test]
async fn nobody_comes_in_without_a_good_key() {
    let world = World::new().await;
    let unknown = key(9);
    for credential in [None, Some("sk-other"), Some(unknown.as_str())] {
        let mut request = client().post(world.at("/v1/chat/completions"));
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "invalid_api_key");
    }
    let anthropic = client().post(world.at("/v1/messages")).send().await.unwrap();
    assert_eq!(anthropic.status(), 401);
    assert!(anthropic.headers().contains_key("request-id"));
    assert_eq!(anthropic.json::<Value>().await.unwrap()["error"]["type"], "authentication_error");
    let outcrop = client().post(world.at("/generate")).send().await.unwrap();
    assert_eq!(outcrop.headers()["content-type"], "application/problem+json");
    assert_eq!(world.behind.count(), 0);
}

#[actix_web::test]
async fn a_role_without_the_permission_is_told_so() {
    let world = World::new().await;
    let answer = client().post(world.at("/v1/chat/completions")).bearer_auth(key(2)).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(answer.text().await.unwrap().contains("inference:invoke"));
    let models = client().get(world.at("/v1/models")).bearer_auth(key(2)).send().await.unwrap();
    assert_eq!(models.status(), 201);
}

#[actix_web::test]
async fn an_identity_that_a_client_brings_is_thrown_away() {
    let world = World::new().await;
    let signer = InternalSigner::new("gateway", &SECRET.to_owned().into(), Duration::from_secs(60)).unwrap();
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let identity = signer.sign(&service_principal("somebody else"), now).unwrap();
    let bare = client().post(world.at("/generate")).header(HEADER, &identity).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let request = world.post("/generate").header(HEADER, identity).header("x-outcrop-deadline-ms", "1");
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["principal"], serde_json::to_value(caller(Role::Developer)).unwrap());
    assert!(body["deadline_ms"].as_u64().unwrap() > 500_000, "{body}");
}

#[actix_web::test]
async fn what_is_not_public_is_not_there() {
    let world = World::new().await;
    for path in ["/internal/introspect", "/v1/nothing", "/auth/%2e%2e/internal/introspect", "/metrics"] {
        assert_eq!(world.post(path).send().await.unwrap().status(), 404, "{path}");
    }
    let answer = world.post("/v1/responses/../../internal").send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

#[actix_web::test]
async fn what_the_process_says_of_itself_needs_no_key_and_asks_no_service() {
    let world = World::new().await;
    for path in ["/healthz", "/readyz", "/", "/api/v1/health"] {
        assert_eq!(client().get(world.at(path)).send().await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(client().head(world.at("/")).send().await.unwrap().status(), 200);
    assert_eq!(client().post(world.at("/")).send().await.unwrap().status(), 404);
    assert_eq!(world.keys.asked.load(Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn a_revoked_key_is_refused_within_the_ttl() {
    let world = World::new().await;
    assert_eq!(world.post("/generate").send().await.unwrap().status(), 201);
    world.keys.known.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(201)).await;
    assert_eq!(world.post("/generate").send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn while_keys_cannot_be_checked_known_ones_work_and_others_get_503() {
    let world = World::new().await;
    assert_eq!(world.post("/generate").send().await.unwrap().status(), 201);
    *world.keys.away.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.post("/generate").send().await.unwrap().status(), 201);
    let other = client().post(world.at("/generate")).bearer_auth(key(2)).send().await.unwrap();
    assert_eq!((other.status().as_u16(), &other.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(other.json::<Value>().await.unwrap()["code"], json!("unavailable"));
    *world.keys.away.lock().unwrap() = false;
    let back = client().get(world.at("/v1/models")).bearer_auth(key(2)).send().await.unwrap();
    assert_eq!(back.status(), 201, "nothing bad is remembered of a key that could not be checked");
}
