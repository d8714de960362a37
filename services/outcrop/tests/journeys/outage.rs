//! The services apart while Redis or Postgres is away: on servers of the test's own, which it stops and starts.

use std::time::Duration;

use outcrop_testkit::{Postgres, Redis};
use outcrop_types::PresentedKey;
use serde_json::{Value, json};

use crate::client::{Answer, Client, ask};
use crate::platform::{Apart, Platform};
use crate::servers::{Backends, tools};
use crate::wait::until;

/// What a service says of itself.
async fn ready(url: &str) -> Answer {
    Client::new(url, None).get("/readyz").await
}

async fn until_ready_says(url: &str, status: &str) -> Value {
    until(status, async || Some(ready(url).await.body).filter(|body| body["status"] == status)).await
}

/// How long a new life of Redis's data counts for nobody, and a sign of life more.
const GRACE: Duration = Duration::from_millis(2_600);

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn without_redis_requests_are_answered_and_counted_here() {
    let folder = tempfile::tempdir().unwrap();
    let mut redis = Redis::start(&tools(), folder.path()).unwrap();
    let backends = Backends { redis: redis.url(), ..Backends::shared() };
    let mut platform = Platform::apart_on(&backends).await;
    let inference = &platform.services.apart().inference.url.clone();
    assert_eq!(ready(inference).await.expect(200).body["dependencies"]["redis"], json!({ "ok": true }));
    let created =
        platform.create_key(&json!({ "name": "slow", "limits": { "requests_per_minute": 3 } })).await;
    let slow = platform.admin.with_key(created.body["key"].as_str().unwrap());
    // A Redis that has only just begun counts for nobody yet: replicas may have something to bring back.
    tokio::time::sleep(GRACE).await;
    for _ in 0..3 {
        slow.chat(&ask("[[say: ok]]")).await.expect(200);
    }
    slow.chat(&ask("[[say: ok]]")).await.expect(429);

    redis.stop().unwrap();
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    // Counted in the process alone, which has counted nothing so far.
    for _ in 0..3 {
        slow.chat(&ask("[[say: ok]]")).await.expect(200);
    }
    slow.chat(&ask("[[say: ok]]")).await.expect(429);
    let said = until_ready_says(inference, "degraded").await;
    assert_eq!(said["dependencies"]["redis"]["ok"], json!(false), "{said:#}");
    assert_eq!(said["dependencies"]["postgres"]["ok"], json!(true), "{said:#}");
    ready(inference).await.expect(200);

    redis.start_again().unwrap();
    let said = until_ready_says(inference, "ready").await;
    assert_eq!(said["dependencies"]["redis"], json!({ "ok": true }));
    // It has kept nothing, but what was counted is brought back.
    tokio::time::sleep(GRACE).await;
    slow.chat(&ask("[[say: ok]]")).await.expect(429);
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn without_postgres_known_keys_work_and_usage_arrives_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut postgres = Postgres::start(&tools(), folder.path()).unwrap();
    let backends = Backends { postgres: postgres.url(), ..Backends::shared() };
    let mut platform = Platform::apart_on(&backends).await;
    let Apart { auth, inference, .. } = platform.services.apart();
    let (auth, inference) = (&auth.url.clone(), &inference.url.clone());
    let stranger = PresentedKey::generate([9; 16], [9; 86]);
    let stranger = platform.admin.with_key(stranger.expose());
    let unused = platform.caller("developer").await;
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    stranger.chat(&ask("Hi")).await.expect(401);

    postgres.stop().unwrap();
    assert_eq!(until_ready_says(inference, "degraded").await["dependencies"]["postgres"]["ok"], json!(false));
    until_ready_says(auth, "unready").await;
    ready(auth).await.expect(503);
    // Older than a cached answer may be while it can be asked for anew.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(platform.admin.chat(&ask("[[say: without a database]]")).await.expect(200).request_id());
    }
    let unknown = [&unused, &platform.admin.with_key(PresentedKey::generate([8; 16], [8; 86]).expose())];
    for caller in unknown {
        let refused = caller.chat(&ask("Hi")).await.expect(503);
        assert_eq!(refused.body["error"]["code"], "service_unavailable", "{refused:#?}");
        refused.header("retry-after");
    }
    platform.admin.get("/v1/usage").await.expect(503);

    postgres.start_again().unwrap();
    until_ready_says(inference, "ready").await;
    until_ready_says(auth, "ready").await;
    for id in &ids {
        assert_eq!(platform.usage_of(id).await["outcome"], "completed");
    }
    unused.chat(&ask("[[say: ok]]")).await.expect(200);
    stranger.chat(&ask("Hi")).await.expect(401);
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn without_a_service_the_others_say_so_and_recover() {
    let mut platform = Platform::apart().await;
    let unused = platform.caller("developer").await;
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    let gateway = platform.services.front().url.clone();

    platform.services.apart().auth.kill().await;
    until_ready_says(&gateway, "degraded").await;
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    unused.chat(&ask("Hi")).await.expect(503).header("retry-after");
    platform.admin.get("/admin/v1/keys").await.expect(503);
    platform.services.apart().auth.start_again().await;
    until("the auth service", async || (unused.get("/v1/models").await.status == 200).then_some(())).await;
    until_ready_says(&gateway, "ready").await;

    platform.services.inference().kill().await;
    let refused = platform.admin.chat(&ask("Hi")).await.expect(503);
    assert_eq!(refused.body["error"]["code"], "service_unavailable", "{refused:#?}");
    refused.header("retry-after");
    // Jobs are taken in, and done once there is somebody to do them.
    let body = json!({ "path": "/v1/chat/completions", "body": ask("[[say: later]]") });
    let taken = platform.admin.post("/v1/jobs", &body).await.expect(202);
    platform.services.inference().start_again().await;
    platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    let done = crate::jobs::ended(&platform.admin, &taken.body["id"]).await;
    assert_eq!(done["response"]["body"]["choices"][0]["message"]["content"], "later", "{done:#}");
}
