//! `/admin/v1/keys`: making, reading, changing and revoking.

use outcrop_ports::{Authenticator as _, Credential, Refused};
use outcrop_types::{Change, PresentedKey, Role};
use serde_json::json;

use crate::office::{Office, key_path, text};
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
    world.announced.take();

    let one = format!("{keys}/{}", created["id"].as_str().unwrap());
    let (status, revoked) = answer(client().delete(&one)).await;
    assert_eq!(status, 200);
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(world.announced.take(), [Change::Key(credential_id(&whole))], "all replicas hear of it");
    assert!(matches!(world.auth.authenticate(&credential).await, Err(Refused::Invalid { .. })));
    let (status, again) = answer(client().delete(&one)).await;
    assert_eq!((status, &again), (200, &revoked), "revoking twice changes nothing");
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
        let own = format!("{keys}/{}", world.first.key.id());
        assert_eq!(answer(client().get(own)).await.0, 403, "{role}");
    }
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
        (json!({"name": "x", "scope": {"models": [""]}}), "scope.models[0]"),
        (json!({"name": "x", "scope": {"models": vec!["a"; 33]}}), "scope.models"),
        (json!({"name": "x", "scope": {"networks": ["10.0.0.1/8"]}}), "scope.networks[0]"),
        (json!({"name": "x", "scope": {"routes": ["v1/chat"]}}), "scope.routes[0]"),
        (json!({"name": "x", "scope": {"permissions": ["all"]}}), "scope.permissions[0]"),
        (json!({"name": "x", "scope": {"regions": []}}), "scope.regions"),
        (json!({"name": "x", "tags": {"a": "b\u{0}"}}), "tags.a"),
        (
            json!({"name": "x", "user": world.first.admin.id, "service_account": format!("svc_{:032}", 1)}),
            "service_account",
        ),
    ];
    for (body, field) in cases {
        let (status, answer) =
            answer(client().post(format!("{}/admin/v1/keys", server.url)).json(&body)).await;
        assert_eq!((status, &answer["param"]), (400, &json!(field)), "{body} -> {answer}");
    }
}

#[actix_web::test]
async fn a_key_changes_and_says_what_it_is() {
    let office = Office::open().await;
    let made = office
        .make(
            "/keys",
            json!({
                "name": "app", "role": "developer", "tags": {"cost": "42"},
                "scope": {"models": ["claude-*"], "routes": ["/v1/chat/*"], "networks": ["10.0.0.0/8"]},
            }),
        )
        .await;
    let path = key_path(&text(&made["key"]));
    assert_eq!(made["scope"]["models"], json!(["claude-*"]));
    office.world.announced.take();
    let patch = json!({
        "name": "renamed", "scope": {"models": ["nova-*"]}, "tags": {}, "limits": {"requests_per_minute": 5},
        "expires_at": "2090-01-01T00:00:00Z",
    });
    let (status, changed) = office.patch(&office.root, &path, patch.clone()).await;
    assert_eq!(status, 200, "{changed}");
    for (field, value) in patch.as_object().unwrap() {
        assert_eq!(&changed[field.as_str()], value, "{field}");
    }
    assert_eq!(changed["revision"], 1);
    assert_eq!(office.world.announced.take(), [Change::Key(credential_id(&text(&made["key"])))]);
    let (_, cleared) = office.patch(&office.root, &path, json!({"expires_at": null})).await;
    assert_eq!((&cleared["expires_at"], &cleared["name"]), (&json!(null), &json!("renamed")));
    assert_eq!(office.get(&office.root, &path).await, (200, cleared.clone()));
    let (_, same) = office.patch(&office.root, &path, json!({"name": "renamed"})).await;
    assert_eq!(same, cleared, "a change that changes nothing is none");
}

#[actix_web::test]
async fn of_two_changes_of_one_revision_the_second_is_refused() {
    let office = Office::open().await;
    let made = office.make("/keys", json!({"name": "a"})).await;
    let path = key_path(&text(&made["key"]));
    assert_eq!(office.patch(&office.root, &path, json!({"name": "b", "revision": 0})).await.0, 200);
    let (status, stale) = office.patch(&office.root, &path, json!({"name": "c", "revision": 0})).await;
    assert_eq!((status, &stale["param"]), (409, &json!("revision")), "{stale}");
    assert_eq!(office.get(&office.root, &path).await.1["name"], "b");
}

#[actix_web::test]
async fn changes_at_the_same_time_are_all_made() {
    let office = Office::open().await;
    let path = key_path(&text(&office.make("/keys", json!({"name": "a"})).await["key"]));
    let change = |body| office.patch(&office.root, &path, body);
    let (name, tags, limits) = tokio::join!(
        change(json!({"name": "b"})),
        change(json!({"tags": {"c": "d"}})),
        change(json!({"limits": {"requests_per_minute": 5}})),
    );
    assert_eq!([name.0, tags.0, limits.0], [200; 3], "{name:?} {tags:?} {limits:?}");
    let (_, key) = office.get(&office.root, &path).await;
    assert_eq!((&key["name"], &key["tags"]["c"], &key["revision"]), (&json!("b"), &json!("d"), &json!(3)));
    assert_eq!(key["limits"]["requests_per_minute"], 5);
}

#[actix_web::test]
async fn what_is_over_stays_over() {
    let office = Office::open().await;
    let key = text(&office.make("/keys", json!({"name": "a"})).await["key"]);
    let path = key_path(&key);
    assert_eq!(office.delete(&office.root, &path).await.0, 200);
    for body in [json!({"expires_at": "2090-01-01T00:00:00Z"}), json!({"name": "b"})] {
        assert_eq!(office.patch(&office.root, &path, body).await.0, 409);
    }
    assert_eq!(office.post(&office.root, &format!("{path}/rotate"), json!(null)).await.0, 409);
    assert!(!office.is_good(&key).await);
}

#[actix_web::test]
async fn a_key_is_of_a_member_or_an_account_of_its_team() {
    let office = Office::open().await;
    let (red, blue) = (office.team("red").await, office.team("blue").await);
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "viewer").await;
    let eve = office.person("eve", &blue, "developer").await;
    let bot = text(&office.make("/service-accounts", json!({"name": "bot", "team": red})).await["id"]);
    let far = text(&office.make("/service-accounts", json!({"name": "far", "team": blue})).await["id"]);

    let (_, own) = office.post(&ann.key, "/keys", json!({"name": "own"})).await;
    assert_eq!((&own["subject"]["id"], &own["role"]), (&json!(ann.id), &json!("developer")));
    let (_, of_bot) = office.post(&ann.key, "/keys", json!({"name": "x", "service_account": bot})).await;
    assert_eq!((&of_bot["team"], &of_bot["role"]), (&json!(red), &json!("service")));
    let (_, of_dan) = office.post(&ann.key, "/keys", json!({"name": "x", "user": dan.id})).await;
    assert_eq!(of_dan["role"], "viewer", "no more than its owner is");
    for (body, status, field) in [
        (json!({"name": "x", "user": dan.id, "role": "developer"}), 403, "role"),
        (json!({"name": "x", "user": eve.id}), 404, "user"),
        (json!({"name": "x", "service_account": far}), 404, "service_account"),
        (json!({"name": "x", "service_account": far, "team": red}), 404, "service_account"),
        (json!({"name": "x", "team": blue}), 404, "team"),
    ] {
        let (got, answer) = office.post(&ann.key, "/keys", body.clone()).await;
        assert_eq!((got, &answer["param"]), (status, &json!(field)), "{body} -> {answer}");
    }
    let (status, by_root) =
        office.post(&office.root, "/keys", json!({"name": "x", "service_account": far})).await;
    assert_eq!((status, &by_root["team"]), (201, &json!(blue)), "the team is the account's: {by_root}");
}

fn credential_id(key: &str) -> outcrop_types::KeyId {
    PresentedKey::parse(key).unwrap().id().clone()
}
