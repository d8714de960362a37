//! Which target of a group is first.

use std::collections::HashMap;

use outcrop_types::RouteOptions;

use super::*;

/// A route of one group over three regions, with these weights.
fn world(strategy: Strategy, weights: [u32; 3]) -> World {
    let mut group = group(strategy, &["small@us-east-1", "small@us-east-2", "small@us-west-2"]);
    for (target, weight) in group.targets.iter_mut().zip(weights) {
        target.weight = Some(weight);
    }
    World::new(&["us-east-1"]).routed(table(vec![route("chat", vec![group])]))
}

fn named(region: &str) -> String {
    format!("{region} vendor.small-v1:0")
}

/// How often each is first, and second.
fn shares(world: &World, asks: impl Fn(u64) -> Asks<'static>) -> [HashMap<String, u32>; 2] {
    let mut shares = [HashMap::new(), HashMap::new()];
    for number in 0..10_000 {
        for (share, name) in shares.iter_mut().zip(world.names(&asks(number))) {
            *share.entry(name).or_default() += 1;
        }
    }
    shares
}

fn near(share: u32, expected: u32) -> bool {
    share.abs_diff(expected) < 200
}

#[test]
fn weights_say_how_often_each_is_first() {
    let [first, second] = shares(&world(Strategy::Weighted, [7, 2, 1]), |_| asks("chat"));
    for (region, share) in [("us-east-1", 7_000), ("us-east-2", 2_000), ("us-west-2", 1_000)] {
        assert!(near(first[&named(region)], share), "{first:?}");
    }
    // Second is one of the rest, by the same weights: 1/5 * 7/8 + 1/10 * 7/9 for the first.
    assert!(near(second[&named("us-east-1")], 2_528), "{second:?}");
}

#[test]
fn the_same_dice_give_the_same_order() {
    let order = || {
        let world = world(Strategy::Weighted, [1, 1, 1]);
        (0..50).flat_map(|_| world.names(&asks("chat"))).collect::<Vec<_>>()
    };
    assert_eq!(order(), order());
}

#[test]
fn conversations_find_the_same_target_again_in_every_replica() {
    let of = |conversation| Asks { conversation: Some(conversation), ..asks("chat") };
    for strategy in [Strategy::Weighted, Strategy::LeastLatency, Strategy::LeastBusy, Strategy::Cheapest] {
        let (here, there) = (world(strategy, [7, 2, 1]), world(strategy, [7, 2, 1]));
        for conversation in 0..100 {
            let first = here.names(&of(conversation));
            let _held = here.plan(&of(conversation)).unwrap().candidates()[0].state.begin();
            assert_eq!(here.names(&of(conversation)), first, "{strategy:?}");
            assert_eq!(there.names(&of(conversation)), first, "{strategy:?}");
        }
    }
    let [first, _] =
        shares(&world(Strategy::Weighted, [7, 2, 1]), |it| Asks { conversation: Some(it), ..asks("chat") });
    for (region, share) in [("us-east-1", 7_000), ("us-east-2", 2_000), ("us-west-2", 1_000)] {
        assert!(near(first[&named(region)], share), "{first:?}");
    }
}

#[test]
fn few_conversations_move_when_a_target_goes() {
    let before = world(Strategy::Weighted, [1, 1, 1]);
    let mut two = group(Strategy::Weighted, &["small@us-east-1", "small@us-east-2"]);
    two.targets.iter_mut().for_each(|it| it.weight = Some(1));
    let after = World::new(&["us-east-1"]).routed(table(vec![route("chat", vec![two])]));
    for conversation in 0..1_000 {
        let asks = Asks { conversation: Some(conversation), ..asks("chat") };
        let (was, is) = (before.names(&asks), after.names(&asks));
        let rest: Vec<_> = was.into_iter().filter(|it| *it != named("us-west-2")).collect();
        assert_eq!(is, rest, "the others stay in their order");
    }
}

#[test]
fn a_route_may_have_no_affinity() {
    let mut group = group(Strategy::Weighted, &["small@us-east-1", "small@us-east-2"]);
    group.targets.iter_mut().for_each(|it| it.weight = Some(1));
    let options = RouteOptions { affinity: Some(false), ..RouteOptions::default() };
    let world =
        World::new(&["us-east-1"]).routed(table(vec![Route { options, ..route("chat", vec![group]) }]));
    let [first, _] = shares(&world, |_| Asks { conversation: Some(7), ..asks("chat") });
    assert!(near(first[&named("us-east-1")], 5_000), "{first:?}");
}

#[test]
fn ordered_is_as_written() {
    let world = world(Strategy::Ordered, [1, 1, 1_000]);
    for conversation in [None, Some(1), Some(2)] {
        let asks = Asks { conversation, ..asks("chat") };
        assert_eq!(world.names(&asks), ["us-east-1", "us-east-2", "us-west-2"].map(named));
    }
}

/// Makes one call of whatever is first, which takes so long.
fn call(world: &World, latency: impl Fn(&str) -> u64) -> String {
    let plan = world.plan(&asks("chat")).unwrap();
    let first = &plan.candidates()[0];
    let took = latency(first.place.region.as_str());
    let mut trial = first.state.begin().unwrap();
    world.clock.forward(took);
    trial.succeeded(Duration::from_millis(took));
    first.place.region.to_string()
}

#[test]
fn the_fastest_is_first_and_the_others_are_tried_again_some_time() {
    let world = world(Strategy::LeastLatency, [1, 1, 1]);
    let latency = |region: &str| if region == "us-east-2" { 50 } else { 400 };
    let mut first: Vec<_> = (0..3).map(|_| call(&world, latency)).collect();
    first.sort();
    assert_eq!(first, ["us-east-1", "us-east-2", "us-west-2"], "nothing is known of them, so each is tried");
    let calls: Vec<_> = (0..2_000).map(|_| call(&world, latency)).collect();
    let fast = calls.iter().filter(|it| *it == "us-east-2").count();
    assert!(fast > 1_950, "{fast}");
    assert!(fast < 2_000, "the slow ones may have become fast meanwhile");
    // And when they have, that is found out.
    let changed = |region: &str| if region == "us-west-2" { 10 } else { 400 };
    let calls: Vec<_> = (0..2_000).map(|_| call(&world, changed)).collect();
    assert!(calls[1_000..].iter().filter(|it| *it == "us-west-2").count() > 950);
}

#[test]
fn those_who_come_at_once_do_not_all_try_the_unknown() {
    let world = world(Strategy::LeastLatency, [1, 1, 1]);
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(world.plan(&asks("chat")).unwrap().candidates()[0].state.begin().unwrap());
    }
    for region in ["us-east-1", "us-east-2", "us-west-2"] {
        assert_eq!(state(&world, &named(region)).in_flight(), 10, "{region}");
    }
}

#[test]
fn the_least_busy_is_first_by_weight() {
    let world = world(Strategy::LeastBusy, [6, 3, 1]);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(world.plan(&asks("chat")).unwrap().candidates()[0].state.begin().unwrap());
    }
    for (region, share) in [("us-east-1", 60), ("us-east-2", 30), ("us-west-2", 10)] {
        let busy = state(&world, &named(region)).in_flight();
        assert!(busy.abs_diff(share) <= 1, "{region}: {busy}");
    }
    held.clear();
    assert_eq!(state(&world, &named("us-east-1")).in_flight(), 0);
}

#[test]
fn the_cheapest_for_this_request_is_first_and_what_has_no_price_last() {
    let mut all = ["unpriced", "reads-cheaply", "writes-cheaply"].map(offer);
    all[1].price = Some(("1", "10"));
    all[2].price = Some(("3", "4"));
    let world = World::with(&["us-east-1"], Offers { all: all.into(), is_careless: false });
    let targets = ["unpriced", "writes-cheaply", "reads-cheaply"];
    let world = world.routed(table(vec![route("chat", vec![group(Strategy::Cheapest, &targets)])]));
    let order = |input_tokens, output| {
        let asks = Asks { input_tokens, output_tokens: output, ..asks("chat") };
        world.plan(&asks).unwrap().candidates().iter().map(|it| it.model.info.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(order(50_000, Some(10)), ["reads-cheaply", "writes-cheaply", "unpriced"]);
    assert_eq!(order(100, Some(2_000)), ["writes-cheaply", "reads-cheaply", "unpriced"]);
    assert_eq!(order(100, None), ["writes-cheaply", "reads-cheaply", "unpriced"]);
}
