//! A policy that an admin makes holds for the next call, and no longer than it is there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, ask};
use crate::person::new_team;
use crate::platform::Platform;

/// The promise.
const WITHIN: Duration = Duration::from_secs(1);

pub(crate) async fn journey(platform: &Platform) {
    let team = new_team(platform).await;
    let key = json!({ "name": "app", "team": team, "role": "developer" });
    let key = platform.create_key(&key).await.body;
    let caller = platform.admin.with_key(key["key"].as_str().unwrap());
    caller.chat(&ask("[[say: ok]]")).await.expect(200);

    let policy =
        json!({ "target": { "level": "team", "team": team }, "rules": { "requests_per_minute": 0 } });
    let made = platform.admin.post("/admin/v1/policies", &policy).await.expect(201).body;
    answers_soon(&caller, 429).await;
    let refused = caller.chat(&ask("[[say: ok]]")).await.expect(429);
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("team"), "names the level: {message}");
    assert_eq!(refused.header("x-ratelimit-limit-requests"), "0");
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);

    // More is allowed, and then anything.
    let path = format!("/admin/v1/policies/{}", made["id"].as_str().unwrap());
    let more = json!({ "rules": { "requests_per_minute": 1_000 } });
    platform.admin.patch(&path, &more).await.expect(200);
    answers_soon(&caller, 200).await;
    let allowed = caller.chat(&ask("[[say: ok]]")).await.expect(200);
    assert_eq!(allowed.header("x-ratelimit-limit-requests"), "1000");
    let none = json!({ "rules": { "requests_per_minute": 0 } });
    platform.admin.patch(&path, &none).await.expect(200);
    answers_soon(&caller, 429).await;
    platform.admin.delete(&path).await.expect(204);
    answers_soon(&caller, 200).await;
}

/// Asks until the answer is this, which it must be within the promise.
async fn answers_soon(caller: &Client, status: u16) {
    let changed = Instant::now();
    loop {
        let answer = caller.chat(&ask("[[say: ok]]")).await;
        let took = changed.elapsed();
        if answer.status == status {
            return;
        }
        assert!(
            took < WITHIN,
            "{took:?} after the change it still answers {}, and not {status}",
            answer.status
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
