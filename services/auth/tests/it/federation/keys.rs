//! The keys of an issuer: fetched once, fetched again when they change, and kept while it is away.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use outcrop_auth::Federation;
use outcrop_ports::{Outbound, OutboundAnswer, OutboundRequest, PortError};
use outcrop_testkit::oidc::{Behaviour, IssuerKey, KeyAlgorithm, OidcIssuer};
use serde_json::{Value, json};

use super::{claims, settings, show, why, world, world_of};
use crate::world::World;

fn new_key(kid: &str) -> IssuerKey {
    IssuerKey::new(kid, KeyAlgorithm::EdDsa)
}

fn good(world: &World, issuer: &OidcIssuer) -> String {
    issuer.token(&claims(world, &json!({})))
}

#[actix_web::test]
async fn many_at_once_ask_the_issuer_once() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    issuer.behave(Behaviour::Slow(Duration::from_millis(50)));
    let world = world(&issuer).await;
    let token = good(&world, &issuer);
    let all = futures::future::join_all((0..20).map(|_| show(&world, &token))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!((issuer.discoveries(), issuer.key_sets()), (1, 1));
    world.clock.advance(TimeDelta::minutes(59));
    show(&world, &token).await.unwrap();
    assert_eq!(issuer.key_sets(), 1, "kept for an hour");
    world.clock.advance(TimeDelta::minutes(2));
    assert!(show(&world, &good(&world, &issuer)).await.is_ok());
    assert_eq!(issuer.key_sets(), 2, "and no longer");
}

#[actix_web::test]
async fn whoever_goes_away_does_not_take_the_answer_along() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    issuer.behave(Behaviour::Slow(Duration::from_millis(100)));
    let world = world(&issuer).await;
    let token = good(&world, &issuer);
    let given_up = tokio::time::timeout(Duration::from_millis(20), show(&world, &token)).await;
    assert!(given_up.is_err());
    assert!(show(&world, &token).await.is_ok());
    assert_eq!(issuer.key_sets(), 1);
}

#[actix_web::test]
async fn new_keys_are_found_and_old_ones_forgotten() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let before = good(&world, &issuer);
    show(&world, &before).await.unwrap();
    issuer.add_key(new_key("second"));
    show(&world, &good(&world, &issuer)).await.unwrap();
    show(&world, &before).await.unwrap();
    assert_eq!(issuer.key_sets(), 2);

    world.clock.advance(TimeDelta::seconds(31));
    issuer.rotate(new_key("third"));
    show(&world, &good(&world, &issuer)).await.unwrap();
    assert!(why(&world, &before).await.contains("keys"));
}

#[actix_web::test]
async fn a_flood_of_unknown_keys_is_one_question() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    show(&world, &good(&world, &issuer)).await.unwrap();
    let all = claims(&world, &json!({"iss": issuer.url()}));
    let forged: Vec<String> = (0..50).map(|at| new_key(&format!("made-up-{at}")).token(&all)).collect();
    let refused = futures::future::join_all(forged.iter().map(|token| why(&world, token))).await;
    assert!(refused.iter().all(|why| why.contains("keys")), "{refused:?}");
    assert_eq!(issuer.key_sets(), 2);
    world.clock.advance(TimeDelta::seconds(29));
    why(&world, &forged[0]).await;
    assert_eq!(issuer.key_sets(), 2);
    world.clock.advance(TimeDelta::seconds(2));
    why(&world, &forged[0]).await;
    why(&world, &forged[1]).await;
    assert_eq!(issuer.key_sets(), 3);
}

#[actix_web::test]
async fn an_issuer_that_is_away_is_no_reason_to_call_anybody_a_stranger() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    issuer.behave(Behaviour::Away);
    let world = world(&issuer).await;
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    assert_eq!(issuer.discoveries(), 1, "it is not asked at once again");

    issuer.behave(Behaviour::Fine);
    world.clock.advance(TimeDelta::seconds(6));
    assert!(show(&world, &good(&world, &issuer)).await.is_ok());

    // Known keys are good for a day while it is away; unknown ones are neither good nor bad.
    issuer.behave(Behaviour::Away);
    for hours in [2, 20] {
        world.clock.advance(TimeDelta::hours(hours));
        assert!(show(&world, &good(&world, &issuer)).await.is_ok(), "{hours}");
    }
    let all = claims(&world, &json!({"iss": issuer.url()}));
    assert_eq!(why(&world, &new_key("new").token(&all)).await, "503");
    world.clock.advance(TimeDelta::hours(3));
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    issuer.behave(Behaviour::Fine);
    world.clock.advance(TimeDelta::seconds(6));
    assert!(show(&world, &good(&world, &issuer)).await.is_ok());
}

#[actix_web::test]
async fn an_issuer_that_talks_too_much_or_too_slowly_is_away() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    issuer.behave(Behaviour::Huge);
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    world.clock.advance(TimeDelta::seconds(6));
    issuer.behave(Behaviour::Slow(Duration::from_secs(60)));
    let started = Instant::now();
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
}

#[actix_web::test]
async fn a_document_of_somebody_else_is_not_believed() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    issuer.behave(Behaviour::SomebodyElse);
    let world = world(&issuer).await;
    assert_eq!(why(&world, &good(&world, &issuer)).await, "503");
    assert_eq!(issuer.key_sets(), 0);
}

#[actix_web::test]
async fn configured_keys_need_no_document() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let mut entry = settings(&issuer, "local");
    entry["jwks_uri"] = format!("{}/keys", issuer.url()).into();
    entry.as_object_mut().unwrap().remove("login");
    let world = world_of(&[entry]).await;
    assert!(show(&world, &good(&world, &issuer)).await.is_ok());
    assert_eq!((issuer.discoveries(), issuer.key_sets()), (0, 1));
}

/// Answers every question with one document, and keeps what it was asked for.
struct Says(Value, Mutex<Vec<String>>);

#[async_trait]
impl Outbound for Says {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, PortError> {
        self.1.lock().unwrap().push(request.url);
        Ok(OutboundAnswer { status: 200, body: self.0.to_string().into(), retry_after: None })
    }
}

#[actix_web::test]
async fn nobody_elsewhere_sends_us_to_this_machine() {
    const ISSUER: &str = "https://issuer.example";
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let endpoints = ["jwks_uri", "authorization_endpoint", "token_endpoint"];
    for odd in endpoints.into_iter().chain(["none"]) {
        for at in ["http://127.0.0.1:9000/x", "http://localhost/x", "http://10.0.0.1/x", "file:///x", ""] {
            let mut document = json!({"issuer": ISSUER});
            for name in endpoints {
                document[name] = format!("{ISSUER}/{name}").into();
            }
            document[odd] = at.into();
            let says = Arc::new(Says(document, Mutex::default()));
            let outbound = says.clone();
            let mut entry = settings(&issuer, "far");
            entry["issuer"] = ISSUER.into();
            let federation = Federation::parse(&json!({ "issuers": [entry] }).to_string()).unwrap();
            let world = World::with(|ports, options| {
                ports.outbound = outbound;
                options.federation = federation;
            })
            .await;
            let token = issuer.token(&claims(&world, &json!({"iss": ISSUER})));
            assert_eq!(why(&world, &token).await, "503", "{odd} {at}: the document holds no keys");
            let asked = says.1.lock().unwrap().clone();
            let good = odd == "none";
            assert_eq!(asked.len(), if good { 2 } else { 1 }, "{odd} {at}: {asked:?}");
            assert!(asked.iter().all(|url| url.starts_with(ISSUER)), "{odd} {at}: {asked:?}");
        }
    }
}
