//! One of two regions is gone.

use std::time::Duration;

use crate::load::Load;
use crate::world::World;

/// What routes give a model: both regions, one half each.
pub(crate) const HALVES: &str = r#"
[[routes]]
alias = "smart"
[[routes.groups]]
targets = [
  { model = "amazon.nova-pro-v1:0", region = "us-east-1" },
  { model = "amazon.nova-pro-v1:0", region = "us-west-2" },
]
"#;

/// Longest wait for the first event, as these tests set it.
const FIRST_EVENT: Duration = Duration::from_millis(1_000);
const TIMEOUTS: [(&str, &str); 2] = [("ROUTING__FIRST_EVENT_MS", "1000"), ("ROUTING__ATTEMPT_MS", "1000")];

/// Whoever is stuck with the dead region when it dies waits a time-out: less than one of a hundred requests.
const LOAD: Load = Load { model: "smart", requests: 3_000, clients: 16, stream: true };

async fn region_is_gone(name: &str, signal: &str, stream: bool) {
    let world = World::start(&["us-east-1", "us-west-2"], HALVES, &TIMEOUTS).await;
    let load = Load { stream, ..LOAD };
    let before = load.run(&world).await;
    eprintln!("{name}, before: {before}");
    assert_eq!(before.whole(), before.asked());
    assert_eq!(before.regions.lock().unwrap().len(), 2, "both regions answer");

    let gone = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.bedrocks["us-west-2"].signal(signal).await;
    };
    let after = load.run_while(&world, gone).await;
    eprintln!("{name}, gone meanwhile: {after}");
    let later = load.run(&world).await;
    eprintln!("{name}, gone: {later}");
    for seen in [&after, &later] {
        assert!(seen.success() >= 99.9, "{name}: {seen}");
        let added = seen.percentile(990).saturating_sub(before.percentile(990));
        eprintln!("{name}: p99 rose by {added:.1?}, a time-out is {FIRST_EVENT:?}");
        assert!(added < FIRST_EVENT, "{name}: p99 rose by {added:?}");
    }
    // A process that is stopped cannot be told to end.
    world.bedrocks["us-west-2"].signal("CONT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_on_when_a_region_is_killed() {
    region_is_gone("killed, streams", "KILL", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_on_when_a_region_is_killed() {
    region_is_gone("killed, whole answers", "KILL", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_on_when_a_region_says_nothing_any_more() {
    region_is_gone("silent, streams", "STOP", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_comes_back_is_called_again() {
    let settings =
        [TIMEOUTS[0], TIMEOUTS[1], ("ROUTING__BREAKER_MS", "300"), ("ROUTING__MAX_BREAKER_MS", "1000")];
    let mut world = World::start(&["us-east-1", "us-west-2"], HALVES, &settings).await;
    let load = Load { requests: 600, ..LOAD };
    world.bedrocks.get_mut("us-west-2").unwrap().kill().await;
    let away = load.run(&world).await;
    eprintln!("away: {away}");
    assert!(away.success() >= 99.9, "{away}");
    world.bedrocks.get_mut("us-west-2").unwrap().start_again().await;
    // The longest rest, and a round of what tells the others.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let back = load.run(&world).await;
    eprintln!("back: {back}");
    assert_eq!(back.whole(), back.asked(), "{back}");
    assert!(back.regions.lock().unwrap().contains_key("us-west-2"), "{back}");
}
