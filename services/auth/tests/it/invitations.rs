//! `/admin/v1/users/{user}/invitation`: whoever has one can become its user.

use outcrop_types::{PresentedKey, SecretKind};
use serde_json::{Value, json};

use crate::office::{Office, text};

fn path(user: &str) -> String {
    format!("/users/{user}/invitation")
}

#[actix_web::test]
async fn a_new_invitation_withdraws_the_one_before() {
    let office = Office::open().await;
    let made = office.make("/users", json!({"name": "dan"})).await;
    let id = |invitation: &Value| {
        PresentedKey::parse_as(SecretKind::Invitation, invitation.as_str().unwrap()).unwrap().id().clone()
    };
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
