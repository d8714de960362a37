//! Webhooks: a receiver made with the public libraries verifies what both compositions tell it.

use serde_json::{Value, json};

use crate::platform::Platform;
use crate::sdk::run_script;

#[tokio::test]
#[ignore = "needs postgres, redis, a local AWS and python: cargo xtask test"]
async fn a_receiver_verifies_every_delivery_of_every_composition() {
    let (together, apart) = tokio::join!(Platform::together(), Platform::apart());
    let script = async |platform: &Platform| {
        let url = platform.services.front().url.clone();
        let base = format!("{url}/v1");
        let env =
            [("OUTCROP_URL", url.as_str()), ("OPENAI_BASE_URL", &base), ("OPENAI_API_KEY", &platform.key)];
        run_script("webhook_receiver.py", &env).await
    };
    let (from_one, from_four) = tokio::join!(script(&together), script(&apart));
    assert!(from_one.lines().count() > 5, "{from_one}");
    assert_eq!(from_one, from_four);
    for platform in [&together, &apart] {
        only_admins_see_endpoints(platform).await;
    }
}

async fn only_admins_see_endpoints(platform: &Platform) {
    let created = platform.admin.post("/v1/webhooks", &json!({ "url": "https://example.com/" })).await;
    let created = created.expect(201).body;
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"));
    let path = format!("/v1/webhooks/{}", created["id"].as_str().unwrap());
    let shown = platform.admin.get(&path).await.expect(200).body;
    assert_eq!((&shown["url"], &shown["secret"]), (&json!("https://example.com/"), &Value::Null));
    let developer = platform.caller("developer").await;
    developer.get(&path).await.expect(403);
    developer.get("/v1/webhooks").await.expect(403);
    let inside = json!({ "url": "https://169.254.169.254/latest/meta-data/" });
    let refused = platform.admin.post("/v1/webhooks", &inside).await.expect(400);
    assert_eq!(refused.body["param"], "url", "{:#}", refused.body);
    platform.admin.delete(&path).await.expect(204);
    platform.admin.get(&path).await.expect(404);
}
