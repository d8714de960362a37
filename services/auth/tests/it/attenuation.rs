//! No credential makes another that may more than itself.

use outcrop_auth::{Acting, NewKey};
use outcrop_types::{Limits, Role, Subject};
use serde_json::{Value, json};

use crate::office::{Office, Person, key_path, text};
use crate::world::{World, answer, client};

#[actix_web::test]
async fn a_key_makes_none_that_may_more_than_itself() {
    let world = World::new().await;
    let end = chrono::DateTime::from_timestamp(4_000_000_000, 0).unwrap();
    for role in [Role::TeamAdmin, Role::PlatformAdmin] {
        let own = NewKey {
            name: "own".into(),
            team: Some(world.first.team.id),
            subject: Some(Subject::User(world.first.admin.id)),
            role: Some(role),
            limits: Limits { requests_per_minute: Some(60) },
            expires_at: Some(end),
            ..NewKey::default()
        };
        let (_, own) = world.auth.create_key(&Acting::command_line(), own).await.unwrap();
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
    let office = Office::open().await;
    let free = office.make("/keys", json!({"name": "x"})).await;
    assert_eq!(
        (&free["limits"], &free["scope"], &free["expires_at"]),
        (&json!({}), &json!({}), &json!(null))
    );
    let bounded =
        json!({"name": "x", "limits": {"requests_per_minute": 9999}, "expires_at": "2096-01-01T00:00:00Z"});
    office.make("/keys", bounded).await;
}

/// A team's admin, and a key of its that is narrow in every way.
async fn narrow(office: &Office) -> (Person, String) {
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let scope = json!({
        "permissions": ["keys:manage", "inference:invoke"], "models": ["claude-*"], "routes": ["/admin/*", "/v1/*"],
        "networks": ["127.0.0.0/8"],
    });
    let body = json!({"role": "team_admin", "scope": scope, "limits": {"requests_per_minute": 60}});
    let key = office.narrowed(&ann.key, body).await;
    (ann, key)
}

fn wider() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"scope": {"permissions": ["team:manage"]}}), "scope.permissions"),
        (json!({"scope": {"models": ["*"]}}), "scope.models"),
        (json!({"scope": {"models": ["claude-*", "nova-lite"]}}), "scope.models"),
        (json!({"scope": {"routes": ["/*"]}}), "scope.routes"),
        (json!({"scope": {"networks": ["0.0.0.0/0"]}}), "scope.networks"),
        (json!({"limits": {"requests_per_minute": 61}}), "limits.requests_per_minute"),
    ]
}

#[actix_web::test]
async fn a_narrow_key_mints_no_wider_one() {
    let office = Office::open().await;
    let (_, key) = narrow(&office).await;
    let (_, own) = office.get(&key, &key_path(&key)).await;
    let (status, child) = office.post(&key, "/keys", json!({"name": "x"})).await;
    assert_eq!((status, &child["scope"], &child["limits"]), (201, &own["scope"], &own["limits"]), "{child}");
    for (mut body, field) in wider() {
        body["name"] = json!("x");
        let (status, answer) = office.post(&key, "/keys", body.clone()).await;
        assert_eq!((status, &answer["param"]), (403, &json!(field)), "{body} -> {answer}");
    }
    let less = json!({"name": "x", "scope": {"models": ["claude-haiku-*"], "networks": ["127.1.0.0/16"]}});
    assert_eq!(office.post(&key, "/keys", less).await.0, 201);
}

#[actix_web::test]
async fn a_narrow_key_widens_none_itself_included() {
    let office = Office::open().await;
    let (ann, key) = narrow(&office).await;
    let other = office.narrowed(&ann.key, json!({"scope": {"models": ["claude-haiku-*"]}})).await;
    for path in [key_path(&key), key_path(&other)] {
        let (_, before) = office.get(&office.root, &path).await;
        for (body, field) in wider() {
            let (status, answer) = office.patch(&key, &path, body.clone()).await;
            assert_eq!((status, &answer["param"]), (403, &json!(field)), "{body} -> {answer}");
        }
        assert_eq!(office.get(&office.root, &path).await.1, before, "nothing of it was done");
    }
    let (_, before) = office.get(&key, &key_path(&key)).await;
    let (_, after) = office.patch(&key, &key_path(&key), json!({"scope": {}, "limits": {}})).await;
    assert_eq!((&after["scope"], &after["limits"]), (&before["scope"], &before["limits"]));
}

#[actix_web::test]
async fn a_narrow_key_rotates_none_that_is_wider() {
    let office = Office::open().await;
    let (ann, key) = narrow(&office).await;
    let unlimited = json!({"scope": {
        "permissions": ["inference:invoke"], "models": ["claude-*"], "routes": ["/v1/*"], "networks": ["127.0.0.0/8"],
    }});
    let unlimited = office.narrowed(&ann.key, unlimited).await;
    for (wider, field) in [(&ann.key, "scope"), (&unlimited, "limits")] {
        let (status, answer) = office.post(&key, &format!("{}/rotate", key_path(wider)), Value::Null).await;
        assert_eq!((status, &answer["param"]), (403, &json!(field)), "{answer}");
        assert!(answer.get("key").is_none());
    }
    let (status, own) = office.post(&key, &format!("{}/rotate", key_path(&key)), Value::Null).await;
    assert_eq!(status, 201, "it may rotate itself: {own}");
}

#[actix_web::test]
async fn a_key_that_ends_does_not_outlive_itself_by_rotation() {
    let office = Office::open().await;
    let end = json!({"role": "platform_admin", "expires_at": "2027-01-16T08:00:00Z"});
    let key = office.narrowed(&office.root, end).await;
    office.world.clock.advance(chrono::TimeDelta::hours(12));
    let (status, next) = office.post(&key, &format!("{}/rotate", key_path(&key)), Value::Null).await;
    assert_eq!((status, &next["expires_at"]), (201, &json!("2027-01-16T08:00:00Z")), "{next}");
}

#[actix_web::test]
async fn a_narrow_credential_gives_out_no_wider_role() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let dan = office.person("dan", &red, "developer").await;
    let only_people = json!({"role": "team_admin", "scope": {"permissions": ["team:manage", "models:read", "jobs:read", "usage:read"]}});
    let only_models = json!({"role": "team_admin", "scope": {"models": ["claude-*"]}});
    for scope in [&only_people, &only_models] {
        let key = office.narrowed(&ann.key, scope.clone()).await;
        let member = format!("/teams/{red}/members/{}", dan.id);
        for (answer, what) in [
            (office.post(&key, "/users", json!({"name": "x", "role": "developer"})).await, "user"),
            (
                office.post(&key, "/service-accounts", json!({"name": "x", "role": "developer"})).await,
                "account",
            ),
            (office.put(&key, &member, json!({"role": "team_admin"})).await, "member"),
        ] {
            assert_eq!((answer.0, &answer.1["param"]), (403, &json!("role")), "{what}: {}", answer.1);
        }
        let invite = format!("/users/{}/invitation", dan.id);
        let (status, answer) = office.post(&key, &invite, Value::Null).await;
        assert_eq!(status, 403, "an invitation is a login of the whole role: {answer}");
    }
    let key = office.narrowed(&ann.key, only_people).await;
    let (status, made) = office.post(&key, "/users", json!({"name": "vic", "role": "viewer"})).await;
    assert_eq!(status, 201, "what it has itself it gives out: {made}");
}

#[actix_web::test]
async fn a_team_admin_makes_no_platform_admin_of_anybody() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let account = json!({"name": "bot", "team": red});
    let account =
        format!("/service-accounts/{}", text(&office.make("/service-accounts", account).await["id"]));
    let role = json!({"name": "x", "role": "platform_admin"});
    let own = format!("/teams/{red}/members/{}", ann.id);
    let add = json!({"user": ann.id, "role": "platform_admin"});
    for (answer, what) in [
        (office.post(&ann.key, "/keys", role.clone()).await, "key"),
        (office.post(&ann.key, "/users", role.clone()).await, "user"),
        (office.post(&ann.key, "/service-accounts", role.clone()).await, "account"),
        (office.patch(&ann.key, &account, json!({"role": "platform_admin"})).await, "account changed"),
        (office.put(&ann.key, &own, json!({"role": "platform_admin"})).await, "itself"),
        (office.post(&ann.key, &format!("/teams/{red}/members"), add).await, "itself, by POST"),
    ] {
        assert_eq!((answer.0, &answer.1["param"]), (403, &json!("role")), "{what}: {}", answer.1);
    }
}

#[actix_web::test]
async fn a_team_admin_gets_no_hold_of_a_platform_admin() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let admin = office.world.first.admin.id.to_string();
    let as_admin = json!({"name": "x", "user": admin, "role": "viewer"});
    let (status, _) = office.post(&ann.key, "/keys", as_admin.clone()).await;
    assert_eq!(status, 404, "who is of another team is not there");

    let member = format!("/teams/{red}/members/{admin}");
    assert_eq!(office.put(&office.root, &member, json!({"role": "viewer"})).await.0, 201);
    let (status, answer) = office.post(&ann.key, "/keys", as_admin).await;
    assert_eq!((status, &answer["param"]), (403, &json!("user")), "{answer}");
    let theirs = office.make("/keys", json!({"name": "x", "team": red, "role": "viewer"})).await;
    let theirs = key_path(&text(&theirs["key"]));
    let whole = office.make("/keys", json!({"name": "x", "team": red, "role": "platform_admin"})).await;
    let whole = key_path(&text(&whole["key"]));
    for (answer, what) in [
        (office.post(&ann.key, &format!("{theirs}/rotate"), Value::Null).await, "rotates its key"),
        (office.post(&ann.key, &format!("{whole}/rotate"), Value::Null).await, "rotates its strongest key"),
        (office.patch(&ann.key, &whole, json!({"name": "y"})).await, "changes its strongest key"),
        (office.delete(&ann.key, &whole).await, "revokes its strongest key"),
        (office.put(&ann.key, &member, json!({"role": "developer"})).await, "changes what it is"),
        (office.delete(&ann.key, &member).await, "puts it out of the team"),
        (office.post(&ann.key, &format!("/users/{admin}/invitation"), Value::Null).await, "takes its login"),
    ] {
        assert_eq!(answer.0, 403, "{what}: {}", answer.1);
    }
}

#[actix_web::test]
async fn two_keys_each_narrow_in_its_way_make_none_that_is_not() {
    let office = Office::open().await;
    let red = office.team("red").await;
    let ann = office.person("ann", &red, "team_admin").await;
    let narrow = |body: Value| async { key_path(&office.narrowed(&ann.key, body).await) };
    let models = narrow(json!({"role": "team_admin", "scope": {"models": ["nova-lite"]}})).await;
    let slow = narrow(json!({"role": "team_admin", "limits": {"requests_per_minute": 5}})).await;
    let short = json!({"role": "team_admin", "expires_at": "2027-01-16T08:00:00Z"});
    let short_path = narrow(short.clone()).await;

    // One that ends opens no scope of one that does not, one that is slow takes no end from one that is not, …
    let short = office.narrowed(&ann.key, short).await;
    let slow_key = json!({"role": "team_admin", "limits": {"requests_per_minute": 5}});
    let slow_key = office.narrowed(&ann.key, slow_key).await;
    let model_key = json!({"role": "team_admin", "scope": {"models": ["nova-lite"]}});
    let model_key = office.narrowed(&ann.key, model_key).await;
    for (key, path, body, field) in [
        (&short, &models, json!({"scope": {}}), "expires_at"),
        (&short, &slow, json!({"limits": {}}), "expires_at"),
        (&slow_key, &models, json!({"scope": {}}), "limits"),
        (&slow_key, &short_path, json!({"expires_at": null}), "limits"),
        (&model_key, &slow, json!({"limits": {}}), "scope"),
        (&model_key, &short_path, json!({"expires_at": null}), "scope"),
    ] {
        let (_, before) = office.get(&ann.key, path).await;
        let (status, answer) = office.patch(key, path, body.clone()).await;
        assert_eq!((status, &answer["param"]), (403, &json!(field)), "{body}: {answer}");
        assert_eq!(office.get(&ann.key, path).await.1, before, "{body}");
    }
    // … but what a key is called is free, and so is a key that is wholly within.
    assert_eq!(office.patch(&short, &models, json!({"name": "x", "tags": {"a": "b"}})).await.0, 200);
    let (status, bounded) = office.patch(&short, &short_path, json!({"scope": {"models": ["nova-*"]}})).await;
    assert_eq!((status, &bounded["scope"]["models"]), (200, &json!(["nova-*"])), "{bounded}");
    let both = json!({"expires_at": "2027-01-16T07:00:00Z", "scope": {}});
    assert_eq!(office.patch(&short, &models, both).await.0, 200, "all that results is within");
}
