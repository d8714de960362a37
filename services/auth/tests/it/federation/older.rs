//! Tokens that are not the newest of their owner: good for no more than the owner is now.

use chrono::TimeDelta;
use outcrop_auth::AuthService;
use outcrop_ports::{AuditFilter, Authenticator as _, Changed, Clock as _, Credential, Refused};
use outcrop_testkit::oidc::{KeyAlgorithm, OidcIssuer};
use outcrop_types::{Actor, AuditDraft, AuditEvent, Role, Subject, Team, TeamId, UserId};
use serde_json::json;

use super::{claims, show, why, world};
use crate::world::{World, answer, client};

fn draft(world: &World) -> AuditDraft {
    let event = AuditEvent::done(Actor::System, "test", "test", world.clock.now());
    AuditDraft::new(event, world.auth.audit_sealer().clone())
}

async fn role(world: &World, user: UserId) -> Option<Role> {
    let found = world.ports.teams.lookup_membership(world.first.team.id, user).await.unwrap();
    found.map(|membership| membership.role)
}

fn id(subject: Subject) -> UserId {
    match subject {
        Subject::User(id) => id,
        Subject::ServiceAccount(id) => panic!("{id} is no person"),
    }
}

/// Another process on the same stores, which has seen nobody yet.
fn another(world: &World) -> AuthService {
    AuthService::new(world.ports.clone(), world.options.clone())
}

/// A token of each of these groups in a row, each ten seconds newer than the one before; none is shown yet.
fn tokens<const N: usize>(world: &World, issuer: &OidcIssuer, groups: [&str; N]) -> [String; N] {
    groups.map(|group| {
        world.clock.advance(TimeDelta::seconds(10));
        issuer.token(&claims(world, &json!({ "groups": [group] })))
    })
}

#[actix_web::test]
async fn an_older_token_does_not_bring_back_what_a_newer_one_took() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let [old, between, new] = tokens(&world, &issuer, ["admins", "admins", "staff"]);
    let before = show(&world, &old).await.unwrap().principal;
    let ada = id(before.subject);
    assert_eq!(before.role, Role::TeamAdmin);
    let replica = another(&world);
    let at_replica = async |token: &str| {
        replica.authenticate(&Credential::Token(token.to_owned().into())).await.unwrap().principal
    };
    assert_eq!(at_replica(&old).await.role, Role::TeamAdmin);
    assert_eq!(show(&world, &new).await.unwrap().principal.role, Role::Developer);

    for token in [&old, &between] {
        let now = show(&world, token).await.unwrap().principal;
        assert_eq!(now.role, Role::Developer);
        // Nor where another process saw an older one last, or nobody yet.
        assert_eq!(at_replica(token).await.role, Role::Developer);
        let unknowing = another(&world);
        let credential = Credential::Token(token.as_str().into());
        assert_eq!(unknowing.authenticate(&credential).await.unwrap().principal.role, Role::Developer);
        assert_eq!(role(&world, ada).await, Some(Role::Developer));
        let server = world.serve(now);
        let asked = client()
            .post(format!("{}/admin/v1/service-accounts", server.url))
            .json(&json!({"name": "door", "role": "team_admin"}));
        assert_eq!(answer(asked).await.0, 403);
    }
}

#[actix_web::test]
async fn an_older_token_is_nothing_once_the_membership_has_ended() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let [old, new] = tokens(&world, &issuer, ["admins", "staff"]);
    show(&world, &old).await.unwrap();
    let ada = id(show(&world, &new).await.unwrap().principal.subject);
    let ended = world.ports.teams.remove_membership(world.first.team.id, ada, &draft(&world)).await.unwrap();
    assert_eq!(ended, Changed::Done);
    assert!(why(&world, &old).await.contains("may not act for its team"));
    let credential = Credential::Token(old.as_str().into());
    assert!(matches!(another(&world).authenticate(&credential).await, Err(Refused::Invalid { .. })));
    assert_eq!(role(&world, ada).await, None);

    let user = world.ports.users.lookup_user(ada).await.unwrap().unwrap();
    let now = world.clock.now();
    assert_eq!(world.ports.users.delete_user(&user, now, &draft(&world)).await.unwrap(), Changed::Done);
    assert!(why(&world, &old).await.contains("not there any more"));
    assert!(why(&world, &old).await.contains("not there any more"));
    assert_eq!(show(&world, &new).await.unwrap().principal.role, Role::Developer, "the newest one counts");
}

#[actix_web::test]
async fn tokens_of_one_second_do_not_take_turns() {
    for when in ["iat", "none"] {
        let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
        let world = world(&issuer).await;
        let token = |sub: &str, group: &str| {
            let mut over = json!({"sub": sub, "preferred_username": sub, "groups": [group]});
            if when == "none" {
                over["iat"] = serde_json::Value::Null;
            }
            issuer.token(&claims(&world, &over))
        };
        let (admin, staff) = (token("u-1", "admins"), token("u-1", "staff"));
        let ada = id(show(&world, &admin).await.unwrap().principal.subject);
        world.announced.take();
        for _ in 0..3 {
            assert_eq!(show(&world, &staff).await.unwrap().principal.role, Role::Developer);
            assert_eq!(show(&world, &admin).await.unwrap().principal.role, Role::TeamAdmin);
        }
        assert_eq!(role(&world, ada).await, Some(Role::TeamAdmin), "{when}");

        // The other way round the first one counts as well.
        let (staff, admin) = (token("u-2", "staff"), token("u-2", "admins"));
        let eve = id(show(&world, &staff).await.unwrap().principal.subject);
        assert_eq!(show(&world, &admin).await.unwrap().principal.role, Role::Developer);
        assert_eq!(role(&world, eve).await, Some(Role::Developer), "{when}");

        assert!(world.announced.take().is_empty(), "{when}");
        let filter = AuditFilter { action: Some("member.set".into()), ..AuditFilter::default() };
        assert!(world.ports.audit.list_audit(&filter, None, 10).await.unwrap().items.is_empty(), "{when}");
    }
}

#[actix_web::test]
async fn a_token_of_the_same_second_opens_another_team() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let world = world(&issuer).await;
    let now = world.clock.now();
    let team = Team {
        id: TeamId::new(uuid::Uuid::from_u128(7)),
        name: "second".into(),
        created_at: now,
        ..world.first.team.clone()
    };
    assert_eq!(world.ports.teams.insert_team(&team, &draft(&world)).await.unwrap(), Changed::Done);
    show(&world, &issuer.token(&claims(&world, &json!({})))).await.unwrap();
    let guest = claims(&world, &json!({"groups": ["guests-1"], "team": "second"}));
    let found = show(&world, &issuer.token(&guest)).await.unwrap().principal;
    assert_eq!((found.team, found.role), (team.id, Role::Viewer));
    assert_eq!(role(&world, id(found.subject)).await, Some(Role::Developer), "the first one stays");
}
