//! Tokens of outside issuers as credentials.

use chrono::TimeDelta;
use outcrop_ports::Changed;
use outcrop_testkit::oidc::{IssuerKey, KeyAlgorithm, OidcIssuer};
use outcrop_types::{Actor, AuditDraft, AuditEvent, Change, Membership, Role, Subject, TeamId, User, UserId};
use serde_json::{Value, json};

use super::{claims, settings, show, why, world, world_of};
use crate::world::World;

fn draft(world: &World) -> AuditDraft {
    use outcrop_ports::Clock as _;
    let event = AuditEvent::done(Actor::System, "test", "test", world.clock.now());
    AuditDraft::new(event, world.auth.audit_sealer().clone())
}

async fn user(world: &World, id: UserId) -> User {
    world.ports.users.lookup_user(id).await.unwrap().unwrap()
}

async fn role(world: &World, user: UserId) -> Option<Role> {
    let found = world.ports.teams.lookup_membership(world.first.team.id, user).await.unwrap();
    found.map(|membership| membership.role)
}

/// What the audit log tells of a target, newest first.
async fn told(world: &World, target: &str) -> Vec<String> {
    let filter = outcrop_ports::AuditFilter { target: Some(target.to_owned()), ..Default::default() };
    let rows = world.ports.audit.list_audit(&filter, None, 100).await.unwrap();
    rows.items.into_iter().map(|row| format!("{} {}", row.actor, row.action)).collect()
}

fn id(subject: Subject) -> UserId {
    match subject {
        Subject::User(id) => id,
        Subject::ServiceAccount(id) => panic!("{id} is no person"),
    }
}

#[actix_web::test]
async fn every_algorithm_of_an_issuer_is_taken() {
    for algorithm in [KeyAlgorithm::Rs256, KeyAlgorithm::Es256, KeyAlgorithm::EdDsa] {
        let issuer = OidcIssuer::start(algorithm);
        let world = world(&issuer).await;
        let found = show(&world, &issuer.token(&claims(&world, &json!({})))).await.unwrap();
        assert_eq!((found.principal.role, found.principal.team), (Role::Developer, world.first.team.id));
        let taken = outcrop_token::OutsideVerifier::LEEWAY.num_seconds();
        assert_eq!(found.expires_at.unwrap().timestamp(), 1_800_000_000 + 3_600 + taken, "{algorithm:?}");
    }
}

#[actix_web::test]
async fn a_person_is_made_at_the_first_visit_and_known_at_the_next() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let token = issuer.token(&claims(&world, &json!({"email": "ada@example.com"})));
    let first = show(&world, &token).await.unwrap();
    let ada = id(first.principal.subject);
    let made = user(&world, ada).await;
    assert_eq!((made.name.as_str(), made.email.as_deref()), ("local:ada", Some("ada@example.com")));
    assert_eq!(role(&world, ada).await, Some(Role::Developer));
    assert_eq!(told(&world, &ada.to_string()).await, ["system user.provision"]);

    let renamed = claims(&world, &json!({"preferred_username": "ada.lovelace"}));
    assert_eq!(show(&world, &issuer.token(&renamed)).await.unwrap().principal, first.principal);
    assert_eq!(told(&world, &ada.to_string()).await.len(), 1, "nothing changed, so nothing is told");
    let other = show(&world, &issuer.token(&claims(&world, &json!({"sub": "u-2"})))).await.unwrap();
    assert_ne!(other.principal.subject, first.principal.subject);
    let other = user(&world, id(other.principal.subject)).await;
    assert!(
        other.name.starts_with("local:") && other.name != "local:ada",
        "the name is taken: {}",
        other.name
    );
}

#[actix_web::test]
async fn two_that_come_at_once_for_the_first_time_are_both_let_in() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let token = issuer.token(&claims(&world, &json!({})));
    let all = futures::future::join_all((0..8).map(|_| show(&world, &token))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let ada = id(all[0].as_ref().unwrap().principal.subject);
    assert_eq!(told(&world, &ada.to_string()).await, ["system user.provision"]);
}

#[actix_web::test]
async fn the_role_follows_the_claims() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let before = issuer.token(&claims(&world, &json!({})));
    let ada = id(show(&world, &before).await.unwrap().principal.subject);
    world.announced.take();

    world.clock.advance(TimeDelta::seconds(10));
    let promoted = issuer.token(&claims(&world, &json!({"groups": ["staff", "admins"]})));
    assert_eq!(show(&world, &promoted).await.unwrap().principal.role, Role::TeamAdmin);
    assert_eq!(role(&world, ada).await, Some(Role::TeamAdmin));
    assert_eq!(world.announced.take(), [Change::Subject(Subject::User(ada))]);
    assert_eq!(told(&world, &ada.to_string()).await, ["system member.set", "system user.provision"]);

    // The older token is worth what it says, since that is less, and changes nothing any more.
    assert_eq!(show(&world, &before).await.unwrap().principal.role, Role::Developer);
    assert_eq!(role(&world, ada).await, Some(Role::TeamAdmin));

    // What an admin sets here stands until there is a newer token.
    let team = world.first.team.id;
    let membership =
        Membership { user: ada, team, role: Role::Viewer, created_at: user(&world, ada).await.created_at };
    let set = world.ports.teams.set_membership(&membership, &draft(&world)).await.unwrap();
    assert_eq!(set, Changed::Done);
    assert_eq!(show(&world, &promoted).await.unwrap().principal.role, Role::Viewer);
    assert_eq!(role(&world, ada).await, Some(Role::Viewer));
    world.clock.advance(TimeDelta::seconds(10));
    let newer = issuer.token(&claims(&world, &json!({"groups": ["admins"]})));
    assert_eq!(show(&world, &newer).await.unwrap().principal.role, Role::TeamAdmin);
    assert_eq!(role(&world, ada).await, Some(Role::TeamAdmin));
}

#[actix_web::test]
async fn the_last_platform_admin_stays_one_while_the_token_counts_as_it_says() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let mut entry = settings(&issuer, "local");
    entry["grants"][0]["role"] = "platform_admin".into();
    let world = world_of(&[entry]).await;
    let root = issuer.token(&claims(&world, &json!({"groups": ["admins"]})));
    let ada = id(show(&world, &root).await.unwrap().principal.subject);
    let first = &world.first.admin;
    let now = first.created_at;
    let disabled = User { disabled_at: Some(now), ..first.clone() };
    assert_eq!(world.ports.users.update_user(&disabled, now, &draft(&world)).await.unwrap(), Changed::Done);

    world.clock.advance(TimeDelta::seconds(10));
    let lesser = issuer.token(&claims(&world, &json!({})));
    assert_eq!(show(&world, &lesser).await.unwrap().principal.role, Role::Developer);
    assert_eq!(role(&world, ada).await, Some(Role::PlatformAdmin));

    // As soon as there is another one, the same token is followed.
    let first = User { disabled_at: None, ..user(&world, first.id).await };
    assert_eq!(world.ports.users.update_user(&first, now, &draft(&world)).await.unwrap(), Changed::Done);
    assert_eq!(show(&world, &lesser).await.unwrap().principal.role, Role::Developer);
    assert_eq!(role(&world, ada).await, Some(Role::Developer));
    assert_eq!(show(&world, &root).await.unwrap().principal.role, Role::Developer);
}

#[actix_web::test]
async fn whoever_is_kept_out_here_stays_out() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let token = issuer.token(&claims(&world, &json!({})));
    let ada = user(&world, id(show(&world, &token).await.unwrap().principal.subject)).await;
    let now = ada.created_at;
    let disabled = User { disabled_at: Some(now), ..ada };
    world
        .ports
        .users
        .update_user(&disabled, now, &draft(&world))
        .await
        .map(|it| assert_eq!(it, Changed::Done))
        .unwrap();
    assert!(why(&world, &token).await.contains("disabled"));
}

#[actix_web::test]
async fn the_team_must_be_there() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let guest = |team: Value| claims(&world, &json!({"groups": ["guests-1"], "team": team}));
    let found = show(&world, &issuer.token(&guest("default".into()))).await.unwrap();
    assert_eq!((found.principal.role, found.principal.team), (Role::Viewer, world.first.team.id));
    for (team, told) in
        [("payments", "no team `payments`"), ("", "names no team"), ("a\nb\u{202e}", "no team `a b`")]
    {
        let why = why(&world, &issuer.token(&guest(team.into()))).await;
        assert!(why.contains(told), "{team:?}: {why}");
    }
    assert!(why(&world, &issuer.token(&guest(json!(["default"])))).await.contains("names no team"));

    let team =
        outcrop_types::Team { disabled_at: Some(world.first.team.created_at), ..world.first.team.clone() };
    let second = outcrop_types::Team {
        id: TeamId::new(uuid::Uuid::from_u128(7)),
        name: "second".into(),
        disabled_at: team.disabled_at,
        ..team
    };
    assert_eq!(world.ports.teams.insert_team(&second, &draft(&world)).await.unwrap(), Changed::Done);
    assert!(why(&world, &issuer.token(&guest("second".into()))).await.contains("disabled"));
}

/// Every way in which a token can be wrong, each refused.
#[actix_web::test]
async fn what_is_not_to_the_letter_is_refused() {
    let (issuer, other) = (OidcIssuer::start(KeyAlgorithm::EdDsa), OidcIssuer::start(KeyAlgorithm::EdDsa));
    let world = world_of(&[settings(&issuer, "local"), settings(&other, "other")]).await;
    let now = 1_800_000_000;
    let refused = async |over: Value, told: &str| {
        let why = why(&world, &issuer.token(&claims(&world, &over))).await;
        assert!(why.contains(told), "{over}: {why}");
    };
    refused(json!({"aud": "somebody"}), "`aud`").await;
    refused(json!({"aud": ["somebody", "else"]}), "`aud`").await;
    refused(json!({"aud": null}), "`aud`").await;
    refused(json!({"aud": outcrop_testkit::oidc::CLIENT_ID}), "`aud`").await;
    refused(json!({"exp": now - 120}), "expired").await;
    refused(json!({"exp": null}), "`exp`").await;
    refused(json!({"nbf": now + 600}), "`nbf`").await;
    refused(json!({"iat": now + 600}), "future").await;
    refused(json!({"sub": null}), "`sub`").await;
    refused(json!({"sub": ""}), "`sub`").await;
    refused(json!({"sub": "x".repeat(256)}), "`sub`").await;
    refused(json!({"sub": ["u-1"]}), "`sub`").await;
    refused(json!({"groups": ["others"]}), "no grant").await;
    refused(json!({"groups": null}), "no grant").await;
    refused(json!({"iss": "https://somebody.else"}), "not one of those configured").await;
    refused(json!({"iss": format!("{}/", issuer.url())}), "not one of those configured").await;
    refused(json!({"iss": null}), "not one of those configured").await;
    // The name of another configured issuer, under our key: that issuer's keys do not know it.
    refused(json!({"iss": other.url()}), "signature").await;
}

#[actix_web::test]
async fn an_issuer_may_say_for_whom_a_token_is_in_another_claim() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let mut entry = settings(&issuer, "cognito");
    entry["audience_claim"] = "client_id".into();
    let world = world_of(&[entry]).await;
    let token = |over: Value| issuer.token(&claims(&world, &over));
    assert!(show(&world, &token(json!({"aud": null, "client_id": "outcrop"}))).await.is_ok());
    assert!(show(&world, &token(json!({}))).await.is_ok());
    for over in [
        json!({"aud": null, "client_id": "another"}),
        json!({"aud": null}),
        // What is there counts before what stands in for it.
        json!({"aud": "another", "client_id": "outcrop"}),
        json!({"aud": [], "client_id": "outcrop"}),
    ] {
        assert!(why(&world, &token(over.clone())).await.contains("`aud`"), "{over}");
    }
}

#[actix_web::test]
async fn no_algorithm_but_the_issuers_counts() {
    let issuer = OidcIssuer::start(KeyAlgorithm::Rs256);
    let mut entry = settings(&issuer, "local");
    entry["algorithms"] = json!(["RS256"]);
    let world = world_of(&[entry]).await;
    let good = claims(&world, &json!({"iss": issuer.url()}));
    assert!(show(&world, &issuer.token(&good)).await.is_ok());

    // HMAC with the public key as its secret, and no signature at all.
    let jwk = issuer.key_set()["keys"][0].clone();
    for alg in ["HS256", "none", "None", "ES256", "PS256"] {
        let header = json!({"alg": alg, "kid": jwk["kid"], "typ": "JWT"});
        for secret in [jwk["n"].as_str().unwrap(), ""] {
            let why = why(&world, &hmac_token(&header, &good, secret)).await;
            assert!(why.contains("`alg`") || why.contains("signature"), "{alg}: {why}");
        }
    }
    // A key of the token's own, and a name that leads elsewhere.
    let own = IssuerKey::new("first", KeyAlgorithm::Rs256);
    assert!(why(&world, &own.token(&good)).await.contains("signature"));
    for header in [
        json!({"alg": "RS256", "kid": "first", "jwk": own.jwk()}),
        json!({"alg": "RS256", "kid": "first", "jku": "https://evil.example/keys"}),
        json!({"alg": "RS256", "kid": "../../first"}),
        json!({"alg": "RS256", "kid": "first' OR '1'='1"}),
    ] {
        assert!(show(&world, &own.token_with(&header, &good)).await.is_err(), "{header}");
    }
}

fn hmac_token(header: &Value, claims: &Value, secret: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
