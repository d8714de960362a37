//! Bedrock is there, and fails.

use serde_json::json;

use crate::dead_region::HALVES;
use crate::load::Load;
use crate::world::World;

const LOAD: Load = Load { model: "smart", requests: 3_000, clients: 32, stream: true };

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_throttles_is_spared_and_clients_do_not_notice() {
    let world = World::start(&["us-east-1", "us-west-2"], HALVES, &[]).await;
    let before = LOAD.run(&world).await;
    eprintln!("throttled region, before: {before}");
    world.fail_always("us-west-2", "throttling").await;
    let (east, west) = (world.calls("us-east-1").await, world.calls("us-west-2").await);
    let seen = LOAD.run(&world).await;
    let (east, west) = (world.calls("us-east-1").await - east, world.calls("us-west-2").await - west);
    eprintln!("throttled region: {seen}; {east} and {west} calls came to Bedrock");
    assert!(seen.success() >= 99.9, "{seen}");
    assert!(west * 4 < east, "what throttles is asked less: {west} of {}", east + west);
    world.heal("us-west-2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_a_part_are_mended_by_trying_again() {
    let world = World::start(&["us-east-1", "us-west-2"], HALVES, &[]).await;
    for region in ["us-east-1", "us-west-2"] {
        let faults = json!({ "seed": 7, "rules": [
            { "fault": "serviceUnavailable", "share": 0.02 },
            { "fault": "internalServer", "share": 0.02 },
            { "fault": "throttling", "share": 0.02 },
        ] });
        world.fail(region, &faults).await;
    }
    let seen = LOAD.run(&world).await;
    let calls = world.calls("us-east-1").await + world.calls("us-west-2").await;
    eprintln!("6 % of all calls fail: {seen}; {calls} calls came to Bedrock");
    assert!(seen.success() >= 99.5, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brown_out_of_everything_is_not_amplified() {
    for fault in ["serviceUnavailable", "throttling", "internalServer"] {
        let world = World::start(&["us-east-1", "us-west-2"], HALVES, &[]).await;
        // As long as all is well, retries are saved up for worse times.
        let warm = Load { requests: 1_500, ..LOAD }.run(&world).await;
        assert_eq!(warm.whole(), warm.asked());
        let before = world.calls("us-east-1").await + world.calls("us-west-2").await;
        for region in ["us-east-1", "us-west-2"] {
            world.fail_always(region, fault).await;
        }
        let seen = LOAD.run(&world).await;
        let calls = world.calls("us-east-1").await + world.calls("us-west-2").await - before;
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let times = calls as f64 / seen.asked() as f64;
        eprintln!(
            "everything fails with {fault}: {} asked, {calls} calls came to Bedrock: {times:.3} times",
            seen.asked()
        );
        assert_eq!(seen.whole(), 0);
        assert!(times <= 1.1, "{fault}: {calls} calls for {} requests", seen.asked());
        for region in ["us-east-1", "us-west-2"] {
            world.heal(region).await;
        }
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        let healed = Load { requests: 300, ..LOAD }.run(&world).await;
        eprintln!("healed: {healed}");
        assert!(healed.success() >= 99.0, "{healed}");
    }
}
