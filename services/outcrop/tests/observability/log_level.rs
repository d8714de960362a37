//! The log level, changed while the processes run.

use serde_json::{Value, json};

use crate::client::ask;
use crate::platform::Platform;
use crate::process::Service;
use crate::wait::until;
use crate::world::{World, apart};

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn every_process_logs_more_and_then_as_before() {
    let platform = apart(&[]).await;
    let admin = &platform.admin;
    let usual = admin.get("/admin/v1/log").await.expect(200).body;
    assert_eq!((&usual["until"], &usual["filter"]), (&Value::Null, &usual["configured"]));
    assert_ne!(usual["configured"], "");
    assert_eq!(debug_lines(&platform), 0);

    let wanted = json!({ "filter": "info,outcrop=debug,actix=debug,hyper=debug", "for_s": 3_600 });
    let set = admin.put("/admin/v1/log", &wanted).await.expect(200).body;
    assert_eq!((&set["filter"], &set["configured"]), (&wanted["filter"], &usual["filter"]));
    for service in platform.services.all() {
        heard(service, "the log filter was changed", 1).await;
    }
    until("debug lines of two services", async || {
        admin.chat(&ask("[[say: ok]]")).await.expect(200);
        let talks = platform.services.all().into_iter().filter(|it| it.log().contains("\"DEBUG\""));
        (talks.count() > 1).then_some(())
    })
    .await;

    // Back by a word …
    admin.delete("/admin/v1/log").await.expect(204);
    for service in platform.services.all() {
        heard(service, "the log filter was changed", 2).await;
    }
    assert_eq!(admin.get("/admin/v1/log").await.expect(200).body, usual);
    let before = debug_lines(&platform);
    admin.chat(&ask("[[say: quiet]]")).await.expect(200);
    assert_eq!(debug_lines(&platform), before);

    // … and by itself, when the time is over.
    let short = json!({ "filter": "info,outcrop=debug", "for_s": 2 });
    admin.put("/admin/v1/log", &short).await.expect(200);
    for service in platform.services.all() {
        heard(service, "the time of the log filter is over", 1).await;
    }
    assert_eq!(admin.get("/admin/v1/log").await.expect(200).body, usual);
    let refused = admin.put("/admin/v1/log", &json!({ "filter": "outcrop=loud" })).await.expect(400);
    assert_eq!(refused.body["param"], "filter", "{refused:#?}");
}

#[tokio::test]
async fn one_process_logs_more_and_then_as_before() {
    let world = World::together(&[]).await;
    let admin = &world.platform.admin;
    admin.put("/admin/v1/log", &json!({ "filter": "debug", "for_s": 2 })).await.expect(200);
    let service = world.platform.services.front();
    heard(service, "the log filter was changed", 1).await;
    heard(service, "the time of the log filter is over", 1).await;
    let held = admin.get("/admin/v1/log").await.expect(200).body;
    assert_eq!(held["until"], Value::Null, "{held}");
}

/// Waits until a service has said this so often.
async fn heard(service: &Service, line: &str, times: usize) {
    until(line, async || (service.log().matches(line).count() >= times).then_some(())).await;
}

/// How many lines of all services say more than usual.
fn debug_lines(platform: &Platform) -> usize {
    platform.services.all().iter().map(|it| it.log().matches("\"DEBUG\"").count()).sum()
}
