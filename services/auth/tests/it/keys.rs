//! `/admin/v1/keys`.

use outcrop_auth::NewKey;
use outcrop_ports::{Authenticator as _, Credential, Refused};
use outcrop_types::{Limits, PresentedKey, Role, TeamId};
use serde_json::json;

use crate::world::{World, answer, client};

#[actix_web::test]
async fn a_key_is_shown_once_listed_without_its_secret_and_revoked() {
    let world = World::new().await;
    let server = world.serve(world.caller(Role::TeamAdmin));
    let keys = format!("{}/admin/v1/keys", server.url);
    let body = json!({"name": "ci", "role": "service", "limits": {"requests_per_minute": 60}});
    let (status, created) = answer(client().post(&keys).json(&body)).await;
    assert_eq!(status, 201, "{created}");
    let whole = created["key"].as_str().unwrap().to_owned();
    let credential = Credential::ApiKey(PresentedKey::parse(&whole).unwrap());
    let found = world.auth.authenticate(&credential).await.unwrap();
    assert_eq!(found.principal.role, Role::Service);
    assert_eq!(found.principal.limits.requests_per_minute, Some(60));

    let (status, list) = answer(client().get(&keys)).await;
    assert_eq!((status, list["data"].as_array().unwrap().len()), (200, 2));
    let secret = whole.rsplit('_').next().unwrap();
    assert!(!list.to_string().contains(secret), "the list shows a secret");

    let one = format!("{keys}/{}", created["id"].as_str().unwrap());
    let (status, revoked) = answer(client().delete(&one)).await;
    assert_eq!(status, 200);
    assert!(revoked["revoked_at"].is_string());
    assert!(matches!(world.auth.authenticate(&credential).await, Err(Refused::Invalid)));
    let (status, again) = answer(client().delete(&one)).await;
    assert_eq!(
        (status, &again["revoked_at"]),
        (200, &revoked["revoked_at"]),
        "revoking twice changes nothing"
    );
}

#[actix_web::test]
async fn who_may_not_manage_keys_is_refused() {
    let world = World::new().await;
    for role in [Role::Developer, Role::Viewer, Role::Service] {
        let server = world.serve(world.caller(role));
        let keys = format!("{}/admin/v1/keys", server.url);
        let (status, body) = answer(client().post(&keys).json(&json!({"name": "x"}))).await;
        assert_eq!(status, 403, "{role}: {body}");
        assert_eq!(answer(client().get(&keys)).await.0, 403, "{role}");
    }
}

#[actix_web::test]
async fn another_teams_keys_do_not_exist() {
    let world = World::new().await;
    let mut stranger = world.caller(Role::TeamAdmin);
    stranger.team = TeamId::new(uuid::Uuid::from_u128(1));
    let server = world.serve(stranger);
    let keys = format!("{}/admin/v1/keys", server.url);
    let (_, list) = answer(client().get(&keys)).await;
    assert_eq!(list["data"], json!([]));
    let one = format!("{keys}/{}", world.first.key.id());
    assert_eq!(answer(client().get(&one)).await.0, 404);
    assert_eq!(answer(client().delete(&one)).await.0, 404);
    let body = json!({"name": "x", "team": world.first.team.id});
    assert_eq!(answer(client().post(&keys).json(&body)).await.0, 404);
}

#[actix_web::test]
async fn a_team_admin_makes_no_platform_admin() {
    let world = World::new().await;
    let server = world.serve(world.caller(Role::TeamAdmin));
    let body = json!({"name": "x", "role": "platform_admin"});
    let (status, body) = answer(client().post(format!("{}/admin/v1/keys", server.url)).json(&body)).await;
    assert_eq!((status, &body["param"]), (403, &json!("role")), "{body}");
}

#[actix_web::test]
async fn a_bad_field_is_named() {
    let world = World::new().await;
    let server = world.serve(world.caller(Role::PlatformAdmin));
    let cases = [
        (json!({"name": ""}), "name"),
        (json!({"name": "x", "role": "king"}), "role"),
        (json!({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}), "expires_at"),
        (json!({"name": "x", "limits": {"requests_per_minute": 0}}), "limits.requests_per_minute"),
        (json!({"name": "x", "colour": "red"}), "colour"),
    ];
    for (body, field) in cases {
        let (status, answer) =
            answer(client().post(format!("{}/admin/v1/keys", server.url)).json(&body)).await;
        assert_eq!(status, 400, "{body} -> {answer}");
        assert!(answer.to_string().contains(field), "{body} -> {answer}");
    }
}

#[actix_web::test]
async fn a_key_makes_none_that_may_more_than_itself() {
    let world = World::new().await;
    let end = chrono::DateTime::from_timestamp(4_000_000_000, 0).unwrap();
    for role in [Role::TeamAdmin, Role::PlatformAdmin] {
        let own = NewKey {
            name: "own".into(),
            team: world.first.team.id,
            subject: world.caller(role).subject,
            role,
            limits: Limits { requests_per_minute: Some(60) },
            expires_at: Some(end),
        };
        let (_, own) = world.auth.create_key(own).await.unwrap();
        let server = world.serve(own.principal());
        let keys = format!("{}/admin/v1/keys", server.url);
        let create = |body| answer(client().post(&keys).json(&body));

        let (status, inherits) = create(json!({"name": "x"})).await;
        assert_eq!(status, 201, "{inherits}");
        assert_eq!(inherits["limits"]["requests_per_minute"], 60);
        assert_eq!(inherits["expires_at"], json!(end));
        let less =
            json!({"name": "x", "limits": {"requests_per_minute": 59}, "expires_at": "2096-01-01T00:00:00Z"});
        let (status, less) = create(less).await;
        assert_eq!((status, &less["limits"]["requests_per_minute"]), (201, &json!(59)), "{less}");
        assert_eq!(less["expires_at"], "2096-01-01T00:00:00Z");
        for (more, field) in [
            (json!({"name": "x", "limits": {"requests_per_minute": 61}}), "limits.requests_per_minute"),
            (json!({"name": "x", "expires_at": "2096-10-02T07:06:41Z"}), "expires_at"),
        ] {
            let (status, answer) = create(more).await;
            assert_eq!((status, &answer["param"]), (403, &json!(field)), "{answer}");
        }
    }
}

#[actix_web::test]
async fn a_key_without_bounds_makes_what_it_likes() {
    let world = World::new().await;
    let credential = Credential::ApiKey(world.first.key.clone());
    let server = world.serve(world.auth.authenticate(&credential).await.unwrap().principal);
    let keys = format!("{}/admin/v1/keys", server.url);
    let (status, free) = answer(client().post(&keys).json(&json!({"name": "x"}))).await;
    assert_eq!((status, &free["limits"], &free["expires_at"]), (201, &json!({}), &json!(null)), "{free}");
    let bounded =
        json!({"name": "x", "limits": {"requests_per_minute": 9999}, "expires_at": "2096-01-01T00:00:00Z"});
    assert_eq!(answer(client().post(&keys).json(&bounded)).await.0, 201);
}
