//! What is bound to a geography stays there, whatever fails.

use std::time::Duration;

use serde_json::json;

use crate::load::Load;
use crate::world::World;

const ROUTES: &str = r#"
[[routes]]
alias = "european"
options = { residency = ["eu"] }
[[routes.groups]]
targets = [ { model = "nova-pro" } ]

[[routes]]
alias = "anywhere"
[[routes.groups]]
targets = [ { model = "nova-pro" } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_europe_when_europe_fails() {
    let regions = ["us-east-1", "eu-central-1", "eu-west-1"];
    let mut world = World::start(&regions, ROUTES, &[]).await;
    let load = Load { model: "european", requests: 400, clients: 8, stream: true };
    let well = load.run(&world).await;
    eprintln!("bound to the EU: {well}");
    assert_eq!(well.whole(), well.asked(), "{well}");

    world.bedrocks.get_mut("eu-central-1").unwrap().kill().await;
    let half = load.run(&world).await;
    eprintln!("one of two European regions is dead: {half}");
    assert!(half.success() >= 99.0, "{half}");

    world.fail("eu-west-1", &json!({ "rules": [{ "fault": "throttling", "share": 1.0 }] })).await;
    let none = Load { requests: 60, ..load }.run(&world).await;
    eprintln!("the other throttles everything: {none}");
    assert_eq!(none.whole(), 0, "{none}");
    assert_eq!(world.calls("us-east-1").await, 0, "nothing went to the United States");

    let free = Load { model: "anywhere", ..load }.run(&world).await;
    eprintln!("what is not bound goes on: {free}");
    assert!(free.success() >= 99.0, "{free}");
    assert!(world.calls("us-east-1").await > 0);
    tokio::time::sleep(Duration::from_millis(10)).await;
}
