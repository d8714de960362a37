//! The door of a service that runs apart.

use std::sync::Arc;
use std::time::Duration;

use outcrop_http::{CLIENT_IP_HEADER, internal_identity};
use outcrop_ports::Clock;
use outcrop_token::{HEADER, InternalSigner, InternalVerifier, service_principal};
use serde_json::{Value, json};

use crate::world::{StillClock, World, client, config};

const SECRET: &str = "a secret for tests, 32 bytes long";

fn signer(secret: &str) -> InternalSigner {
    InternalSigner::new("gateway", &secret.to_owned().into(), Duration::from_secs(60)).unwrap()
}

fn world() -> World {
    let verifier = Arc::new(InternalVerifier::new(&SECRET.to_owned().into()).unwrap());
    World::with(&config(), internal_identity(verifier, Arc::new(StillClock)), Vec::new())
}

#[actix_web::test]
async fn a_signed_identity_is_believed_and_its_deadline_kept() {
    let world = world();
    let principal = service_principal("caller");
    let identity = signer(SECRET).sign(&principal, StillClock.now()).unwrap();
    let request =
        client().get(world.at("/whoami")).header(HEADER, identity).header("x-outcrop-deadline-ms", "1234");
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    let expected =
        json!({"team": principal.team, "from_service": true, "client_ip": null, "deadline_ms": 1234});
    assert_eq!(body, expected);
}

#[actix_web::test]
async fn a_service_says_where_its_caller_is() {
    let world = world();
    let identity = signer(SECRET).sign(&service_principal("caller"), StillClock.now()).unwrap();
    for (given, expected) in
        [(Some("203.0.113.9"), json!("203.0.113.9")), (Some("x"), json!(null)), (None, json!(null))]
    {
        let mut request = client().get(world.at("/whoami")).header(HEADER, &identity);
        request = request.header("x-forwarded-for", "198.51.100.1");
        if let Some(given) = given {
            request = request.header(CLIENT_IP_HEADER, given);
        }
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(body["client_ip"], expected, "{given:?}");
    }
}

#[actix_web::test]
async fn a_stranger_says_nothing_of_where_it_is() {
    let asking = |world: &World| {
        client()
            .get(world.at("/whoami"))
            .header(CLIENT_IP_HEADER, "203.0.113.9")
            .header("x-forwarded-for", "198.51.100.1")
    };
    let address = async |world: &World| {
        asking(world).send().await.unwrap().json::<Value>().await.unwrap()["client_ip"].clone()
    };
    assert_eq!(address(&World::new()).await, "127.0.0.1");
    let trusted = Some("127.0.0.0/8".into());
    let behind_proxy = outcrop_config::ServerConfig { trusted_proxies: trusted, ..config() };
    assert_eq!(address(&World::public(&behind_proxy)).await, "198.51.100.1");
}

#[actix_web::test]
async fn nothing_else_comes_in() {
    let world = world();
    let principal = service_principal("caller");
    let now = StillClock.now();
    let forged = signer("another secret, also 32 bytes long").sign(&principal, now).unwrap();
    let expired = signer(SECRET).sign(&principal, now - chrono::Duration::seconds(120)).unwrap();
    for identity in [None, Some(forged), Some(expired), Some("garbage".to_owned())] {
        let mut request = client().get(world.at("/whoami")).header("x-outcrop-deadline-ms", "1");
        if let Some(identity) = &identity {
            request = request.header(HEADER, identity);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{identity:?}");
        assert_eq!(answer.headers()["x-outcrop-refused"], "identity");
    }
    assert_eq!(client().get(world.at("/healthz")).send().await.unwrap().status(), 200);
    assert_eq!(client().get(world.at("/readyz")).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn a_deadline_of_a_stranger_is_not_kept() {
    let world = World::new();
    let request = client().get(world.at("/whoami")).header("x-outcrop-deadline-ms", "1");
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(body["deadline_ms"], 600_000);
}
