//! API keys: made, used, listed, revoked.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::ask;
use crate::platform::Platform;
use crate::wait::{now, until};

/// How long a revoked key may go on working: the promise is a second, and clocks are read at both ends.
const REVOKED_WITHIN: Duration = Duration::from_millis(1_500);

pub(crate) async fn journey(platform: &Platform) {
    a_key_is_shown_once_and_works(platform).await;
    a_revoked_key_is_refused_soon(platform).await;
    an_expired_key_is_refused(platform).await;
    a_rotated_key_works_on_for_a_while(platform).await;
    a_key_is_narrower_than_its_owner(platform).await;
    a_narrow_key_makes_no_wider_one(platform).await;
}

async fn a_key_is_shown_once_and_works(platform: &Platform) {
    let created = platform.create_key(&json!({ "name": "once", "role": "developer" })).await;
    let key = created.body["key"].as_str().unwrap();
    let id = created.body["id"].as_str().unwrap();
    assert!(key.starts_with(&format!("ock_{id}_")), "{key}");
    platform.admin.with_key(key).chat(&ask("[[say: ok]]")).await.expect(200);
    let shown = platform.admin.get(&format!("/admin/v1/keys/{id}")).await.expect(200);
    assert_eq!((&shown.body["name"], &shown.body["role"]), (&json!("once"), &json!("developer")));
    let listed = platform.admin.get("/admin/v1/keys?limit=100").await.expect(200);
    assert!(listed.body["data"].as_array().unwrap().contains(&shown.body), "{:#}", listed.body);
    for body in [&shown.body, &listed.body] {
        assert!(!body.to_string().contains(key), "a key is shown once");
    }
}

async fn a_revoked_key_is_refused_soon(platform: &Platform) {
    let created = platform.create_key(&json!({ "name": "short-lived" })).await;
    let caller = platform.admin.with_key(created.body["key"].as_str().unwrap());
    caller.chat(&ask("[[say: ok]]")).await.expect(200);
    let path = format!("/admin/v1/keys/{}", created.body["id"].as_str().unwrap());
    let revoked = platform.admin.delete(&path).await.expect(200);
    let since = Instant::now();
    assert_ne!(revoked.body["revoked_at"], Value::Null);
    // Used all the while, so that a cache that prolongs what is used would be found out.
    while since.elapsed() < REVOKED_WITHIN {
        caller.get("/v1/models").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refused = caller.get("/v1/models").await.expect(401);
    assert_eq!(refused.body["error"]["code"], "invalid_api_key");
    platform.admin.delete(&path).await.expect(200);
}

async fn an_expired_key_is_refused(platform: &Platform) {
    let soon = now() + TimeDelta::seconds(1);
    let created = platform.create_key(&json!({ "name": "brief", "expires_at": soon })).await;
    let caller = platform.admin.with_key(created.body["key"].as_str().unwrap());
    caller.get("/v1/models").await.expect(200);
    tokio::time::sleep(Duration::from_secs(1) + REVOKED_WITHIN).await;
    caller.get("/v1/models").await.expect(401);
    platform
        .admin
        .post("/admin/v1/keys", &json!({ "name": "past", "expires_at": "2020-01-01T00:00:00Z" }))
        .await
        .expect(400);
}

async fn a_rotated_key_works_on_for_a_while(platform: &Platform) {
    let asked =
        json!({ "name": "rotating", "tags": { "app": "billing" }, "scope": { "models": ["nova-*"] } });
    let old = platform.create_key(&asked).await.body;
    let path = format!("/admin/v1/keys/{}", old["id"].as_str().unwrap());
    let rotate = async |overlap_s: u32| {
        platform.admin.post(&format!("{path}/rotate"), &json!({ "overlap_s": overlap_s })).await
    };
    let new = rotate(2).await.expect(201).body;
    for field in ["name", "tags", "scope", "team", "role", "subject"] {
        assert_eq!(new[field], old[field], "{field}");
    }
    let [old_caller, new_caller] =
        [&old, &new].map(|key| platform.admin.with_key(key["key"].as_str().unwrap()));
    old_caller.get("/v1/models").await.expect(200);
    new_caller.get("/v1/models").await.expect(200);
    let shown = platform.admin.get(&path).await.expect(200).body;
    assert_eq!(shown["replaced_by"], new["id"], "{shown:#}");
    rotate(2).await.expect(409);
    until("the old key to end", async || (old_caller.get("/v1/models").await.status == 401).then_some(()))
        .await;
    new_caller.get("/v1/models").await.expect(200);
}

async fn a_key_is_narrower_than_its_owner(platform: &Platform) {
    let narrow = async |scope: Value| {
        let created = platform.create_key(&json!({ "name": "narrow", "scope": scope })).await;
        platform.admin.with_key(created.body["key"].as_str().unwrap())
    };
    let by_model = narrow(json!({ "models": ["nova-*"] })).await;
    by_model
        .chat(&json!({ "model": "nova-lite", "messages": ask("[[say: ok]]")["messages"] }))
        .await
        .expect(200);
    let refused = by_model.chat(&ask("[[say: ok]]")).await.expect(403);
    assert_eq!(refused.body["error"]["param"], "model", "{refused:#?}");
    let listed = by_model.get("/v1/models").await.expect(200).body;
    let ids: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| id.starts_with("nova-")), "{ids:?}");
    let by_route = narrow(json!({ "routes": ["/v1/models*"] })).await;
    by_route.get("/v1/models").await.expect(200);
    by_route.get("/api/v1/models").await.expect(200);
    by_route.chat(&ask("[[say: ok]]")).await.expect(403);
    let by_permission = narrow(json!({ "permissions": ["models:read"] })).await;
    by_permission.get("/v1/models").await.expect(200);
    by_permission.get("/v1/usage").await.expect(403);
    // Calls come from this machine.
    let from_here = narrow(json!({ "networks": ["127.0.0.0/8", "::1"] })).await;
    from_here.get("/v1/models").await.expect(200);
    let from_elsewhere = narrow(json!({ "networks": ["203.0.113.0/24"] })).await;
    from_elsewhere.get("/v1/models").await.expect(403);
    // Nobody in front of the platform is trusted, so that what a client says of itself counts for nothing.
    let claimed =
        from_elsewhere.request(reqwest::Method::GET, "/v1/models").header("x-forwarded-for", "203.0.113.7");
    crate::client::answer(claimed).await.expect(403);
}

async fn a_narrow_key_makes_no_wider_one(platform: &Platform) {
    let scope = json!({ "permissions": ["keys:manage", "models:read"], "models": ["nova-*"] });
    let asked = json!({ "name": "key maker", "role": "team_admin", "scope": scope });
    let maker = platform.create_key(&asked).await.body;
    let caller = platform.admin.with_key(maker["key"].as_str().unwrap());
    let made = caller.post("/admin/v1/keys", &json!({ "name": "child" })).await.expect(201).body;
    assert_eq!(made["scope"]["models"], json!(["nova-*"]), "{made:#}");
    for wider in [
        json!({ "name": "wider", "scope": { "models": ["*"] } }),
        json!({ "name": "wider", "scope": { "permissions": ["inference:invoke"] } }),
        json!({ "name": "wider", "role": "platform_admin" }),
    ] {
        caller.post("/admin/v1/keys", &wider).await.expect(403);
    }
    let own = format!("/admin/v1/keys/{}", maker["id"].as_str().unwrap());
    caller.patch(&own, &json!({ "scope": { "models": ["*"] } })).await.expect(403);
    let patched = caller.patch(&own, &json!({ "scope": {} })).await.expect(200).body;
    assert_eq!(patched["scope"], maker["scope"], "nothing said is no more than what the caller has");
}
