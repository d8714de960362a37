//! What is exported where almost nothing shall be: what failed, and what was slow.

use std::time::Duration;

use crate::client::{Answer, ask};
use crate::spans::Tree;
use crate::world::{World, begun, post_with};

const NONE: [(&str, &str); 3] = [
    ("TRACES__SAMPLE_PERCENT", "0"),
    ("TRACES__SLOW_MS", "4000"),
    ("MODELS__URL", "bedrock://us-east-1,us-west-2"),
];

#[tokio::test]
async fn failures_and_what_is_slow_are_exported_always_together() {
    journey(&World::together(&NONE).await).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn failures_and_what_is_slow_are_exported_always_apart() {
    journey(&World::apart(&NONE).await).await;
}

async fn journey(world: &World) {
    let admin = &world.platform.admin;
    let mut good = Vec::new();
    for _ in 0..5 {
        good.push(admin.chat(&ask("[[say: ok]]")).await.expect(200));
    }
    // The client's own fault is nothing to look into.
    good.push(admin.post("/v1/chat/completions", &serde_json::json!({})).await.expect(400));
    good.push(admin.chat(&ask("[[fault: validation]]")).await.expect(400));
    // What another attempt answered went well.
    world.platform.emulator.fail_next("throttling", 0).await;
    let made_good = admin.chat(&ask("[[say: ok]]")).await.expect(200);
    assert!(made_good.header("x-outcrop-attempts").contains("throttled, "), "{made_good:#?}");
    good.push(made_good);
    let failed = admin.chat(&ask("[[fault: internalServer]]")).await;
    assert!(failed.status >= 500, "{failed:#?}");
    let slow = admin.chat(&ask("[[latency: 4500]] [[say: ok]]")).await.expect(200);
    good.push(admin.chat(&ask("[[say: ok]]")).await.expect(200));

    let whole = |tree: &Tree| {
        let (front, inference) = (world.service("outcrop-gateway"), world.service("outcrop-inference"));
        tree.holds(front, "POST /v1") && tree.holds(inference, "chat ") && tree.holds(inference, "Bedrock")
    };
    let tree = world.trace_of(&failed, whole).await;
    assert!(tree.root().failed, "{tree}");
    let tree = world.trace_of(&slow, whole).await;
    assert!(tree.root().took_ms() > 4_000 && !tree.root().failed, "{tree}");

    // Nobody outside decides on it.
    let (_, _, header) = begun(0xdec1);
    let wanted =
        post_with(admin, "/v1/chat/completions", &[("traceparent", &header)], &ask("[[say: ok]]")).await;
    good.push(wanted.expect(200));

    // Longer than exports wait for company.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let exported: Vec<_> =
        good.iter().map(Answer::request_id).filter(|id| world.collector.seen(id).is_some()).collect();
    assert!(exported.is_empty(), "{exported:?}");
}
