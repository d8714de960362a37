//! `/admin/v1/users/{user}/invitation`: whoever has one can become its user.

use outcrop_testkit::oidc::{KeyAlgorithm, OidcIssuer};
use outcrop_types::{KeyId, PresentedKey, SecretKind, Subject};
use serde_json::{Value, json};

use crate::federation::{claims, show, world};
use crate::office::{Office, text};

fn path(user: &str) -> String {
    format!("/users/{user}/invitation")
}

fn id(invitation: &Value) -> KeyId {
    PresentedKey::parse_as(SecretKind::Invitation, invitation.as_str().unwrap()).unwrap().id().clone()
}

#[actix_web::test]
async fn a_new_invitation_withdraws_the_one_before() {
    let office = Office::open().await;
    let made = office.make("/users", json!({"name": "dan"})).await;
    let first = id(&made["invitation"]);
    let (status, again) = office.post(&office.root, &path(&text(&made["id"])), Value::Null).await;
    assert_eq!((status, &again["user"]), (201, &made["id"]), "{again}");
    let users = &office.world.ports.users;
    assert!(users.lookup_invitation(&first).await.unwrap().is_none());
    assert!(users.lookup_invitation(&id(&again["invitation"])).await.unwrap().is_some());
}

#[actix_web::test]
async fn a_team_admin_invites_only_who_is_nothing_elsewhere() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let peer = office.person("peer", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let both = office.person("both", &blue, "developer").await;
    office.make(&format!("/teams/{red}/members"), json!({"user": both.id, "role": "viewer"})).await;
    assert_eq!(office.post(&ann.key, &path(&dan.id), Value::Null).await.0, 201);
    for (user, why) in
        [(&both.id, "is in another team"), (&peer.id, "is an admin too"), (&ann.id, "is itself")]
    {
        let (status, answer) = office.post(&ann.key, &path(user), Value::Null).await;
        assert_eq!(status, 403, "{why}: {answer}");
        assert!(!answer.to_string().contains("oci_"));
    }
    for user in [&both.id, &peer.id] {
        assert_eq!(office.post(&office.root, &path(user), Value::Null).await.0, 201);
    }
}

#[actix_web::test]
async fn who_is_kept_out_is_not_invited() {
    let office = Office::open().await;
    let id = text(&office.make("/users", json!({"name": "dan"})).await["id"]);
    office.patch(&office.root, &format!("/users/{id}"), json!({"disabled": true})).await;
    assert_eq!(office.post(&office.root, &path(&id), Value::Null).await.0, 409);
}

#[actix_web::test]
async fn an_invitation_ends_when_its_user_becomes_something_else() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let (home, first) = (format!("/teams/{red}/members/{}", dan.id), office.world.first.team.id);
    let elsewhere = format!("/teams/{first}/members/{}", dan.id);
    let invite = async || {
        let (status, invited) = office.post(&ann.key, &path(&dan.id), Value::Null).await;
        assert_eq!(status, 201, "{invited}");
        id(&invited["invitation"])
    };
    let is_open = async |id: &KeyId| office.world.ports.users.lookup_invitation(id).await.unwrap().is_some();

    let held = invite().await;
    assert_eq!(office.put(&office.root, &home, json!({"role": "developer"})).await.0, 200);
    assert!(is_open(&held).await, "what changes nothing ends nothing");
    assert_eq!(office.put(&office.root, &elsewhere, json!({"role": "platform_admin"})).await.0, 201);
    assert!(!is_open(&held).await, "else a team's admin would hold the way in as a platform admin");
    assert_eq!(office.delete(&office.root, &elsewhere).await.0, 204);

    let held = invite().await;
    assert_eq!(office.put(&office.root, &home, json!({"role": "team_admin"})).await.0, 200);
    assert!(!is_open(&held).await);
    assert_eq!(office.put(&office.root, &home, json!({"role": "viewer"})).await.0, 200);

    let held = invite().await;
    assert_eq!(office.delete(&ann.key, &home).await.0, 204);
    assert!(!is_open(&held).await, "nor is it the way back in");
}

#[actix_web::test]
async fn who_comes_from_outside_gets_no_password_here() {
    let issuer = OidcIssuer::start(KeyAlgorithm::EdDsa);
    let office = Office::of(world(&issuer).await);
    let token = issuer.token(&claims(&office.world, &json!({})));
    let Subject::User(ada) = show(&office.world, &token).await.unwrap().principal.subject else {
        panic!("a person")
    };
    let (status, answer) = office.post(&office.root, &path(&ada.to_string()), Value::Null).await;
    assert_eq!(status, 409, "{answer}");
    assert!(text(&answer["detail"]).contains("outside issuer"), "says why: {answer}");
}
