//! Bedrock answers late, or breaks off.

use std::time::Duration;

use serde_json::json;

use crate::dead_region::HALVES;
use crate::load::Load;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_to_begin_is_given_up_for_another() {
    let settings = [("ROUTING__FIRST_EVENT_MS", "500")];
    let world = World::start(&["us-east-1", "us-west-2"], HALVES, &settings).await;
    let load = Load { model: "smart", requests: 600, clients: 16, stream: true };
    let before = load.run(&world).await;
    world
        .fail("us-west-2", &json!({ "rules": [{ "fault": "slow", "share": 0.02, "latencyMs": 5_000 }] }))
        .await;
    let seen = load.run(&world).await;
    eprintln!("slow first byte, before: {before}");
    eprintln!("2 % of one region's streams begin after 5 s: {seen}");
    assert!(seen.success() >= 99.9, "{seen}");
    assert!(seen.percentile(1_000) < Duration::from_secs(5), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_off_in_the_middle_is_said_to_have_broken_off() {
    let world = World::start(&["us-east-1", "us-west-2"], HALVES, &[]).await;
    for region in ["us-east-1", "us-west-2"] {
        world.fail(region, &json!({ "rules": [{ "fault": "cut", "share": 1.0, "afterEvents": 3 }] })).await;
    }
    let body = json!({
        "model": "smart",
        "messages": [{ "role": "user", "content": "[[tokens: 40]]" }],
        "stream": true,
    });
    let calls = world.calls("us-east-1").await + world.calls("us-west-2").await;
    for _ in 0..20 {
        let request = world.request(reqwest::Method::POST, "/v1/chat/completions").json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(text.contains("\"error\"") && !text.contains("[DONE]"), "{text}");
    }
    let made = world.calls("us-east-1").await + world.calls("us-west-2").await - calls;
    eprintln!("20 streams were cut in the middle; {made} calls came to Bedrock");
    assert_eq!(made, 20, "nothing is asked again once something was sent");
}
