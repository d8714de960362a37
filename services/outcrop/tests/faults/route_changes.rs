//! Routes change while clients ask.

use std::time::Duration;

use serde_json::Value;

use crate::dead_region::HALVES;
use crate::load::Load;
use crate::wait::until;
use crate::world::World;

/// All of it in one region.
const EAST: &str = r#"
[[routes]]
alias = "smart"
[[routes.groups]]
targets = [ { model = "amazon.nova-pro-v1:0", region = "us-east-1" } ]
"#;

/// The first route is good, and the second is not.
const BAD: &str = r#"
[[routes]]
alias = "smart"
[[routes.groups]]
targets = [ { model = "amazon.nova-pro-v1:0", region = "us-west-2" } ]

[[routes]]
alias = "broken"
[[routes.groups]]
targets = [ { model = "no-such-model" } ]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_table_is_refused_whole_and_a_good_one_takes_effect_without_a_failure() {
    let world = World::start(&["us-east-1", "us-west-2"], EAST, &[]).await;
    let load = Load { model: "smart", requests: 6_000, clients: 16, stream: true };
    let changes = async {
        world.write_routes(BAD);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(world.calls("us-west-2").await, 0, "nothing of a bad table takes effect");
        world.write_routes("alias = [unfinished");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(world.calls("us-west-2").await, 0);
        world.write_routes(HALVES);
        until("the new routes", async || (shown(&world).await.len() == 2).then_some(())).await;
    };
    let seen = load.run_while(&world, changes).await;
    eprintln!("routes changed three times: {seen}");
    assert_eq!(seen.whole(), seen.asked(), "{seen}");
    let after = Load { requests: 400, ..load }.run(&world).await;
    assert_eq!(after.regions.lock().unwrap().len(), 2, "{after}");
}

/// The targets of the first route, as the admin API shows it.
async fn shown(world: &World) -> Vec<Value> {
    let answer = world.request(reqwest::Method::GET, "/admin/v1/routes").send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let targets = body.pointer("/table/routes/0/groups/0/targets").and_then(Value::as_array);
    targets.unwrap_or_else(|| panic!("{body:#}")).clone()
}
