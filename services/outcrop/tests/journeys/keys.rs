//! API keys: made, used, listed, revoked.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::ask;
use crate::platform::Platform;
use crate::wait::now;

/// How long a revoked key may go on working: the promise is a second, and clocks are read at both ends.
const REVOKED_WITHIN: Duration = Duration::from_millis(1_500);

pub(crate) async fn journey(platform: &Platform) {
    a_key_is_shown_once_and_works(platform).await;
    a_revoked_key_is_refused_soon(platform).await;
    an_expired_key_is_refused(platform).await;
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
