//! When targets are left alone, and how they come back.

use outcrop_types::FailureKind;

use super::super::targets::BreakerState;
use super::*;

const NAME: &str = "us-east-1 vendor.small-v1:0";

fn world() -> (World, Arc<TargetState>) {
    let world = World::new(&["us-east-1", "us-west-2"]);
    world.plan(&asks("small")).unwrap();
    let state = state(&world, NAME);
    (world, state)
}

fn fail(state: &Arc<TargetState>, kind: FailureKind, times: u32) {
    for _ in 0..times {
        state.begin().unwrap().failed(kind, None);
    }
}

fn succeed(state: &Arc<TargetState>) {
    state.begin().unwrap().succeeded(Duration::from_millis(5));
}

fn shown(world: &World) -> BreakerState {
    world.router.targets().into_iter().find(|it| it.target == NAME).unwrap().state
}

#[test]
fn failures_in_a_row_open_it_and_one_success_starts_the_count_anew() {
    let (world, state) = world();
    for _ in 0..3 {
        fail(&state, FailureKind::Unavailable, 4);
        succeed(&state);
    }
    fail(&state, FailureKind::TimedOut, 4);
    assert_eq!(shown(&world), BreakerState::Closed);
    fail(&state, FailureKind::Internal, 1);
    assert_eq!(shown(&world), BreakerState::Open);
    assert!(state.begin().is_none());
    assert_eq!(state.resting(), Some(Duration::from_secs(1)));
    assert_eq!(world.names(&asks("small"))[1], NAME, "it is last");
}

#[test]
fn what_is_the_callers_fault_says_nothing_of_the_target() {
    let (world, state) = world();
    fail(&state, FailureKind::Invalid, 50);
    fail(&state, FailureKind::TooLong, 50);
    assert_eq!(shown(&world), BreakerState::Closed);
    fail(&state, FailureKind::Model, 4);
    fail(&state, FailureKind::Invalid, 1);
    fail(&state, FailureKind::Model, 1);
    assert_eq!(shown(&world), BreakerState::Open);
}

#[test]
fn what_is_of_no_use_to_try_again_rests_at_once() {
    for kind in [FailureKind::Denied, FailureKind::NotFound, FailureKind::QuotaExceeded] {
        let (world, state) = world();
        fail(&state, kind, 1);
        assert_eq!(shown(&world), BreakerState::Open, "{kind:?}");
        let other = world.names(&asks("small"));
        assert_eq!(other[0], "us-west-2 vendor.small-v1:0", "the others are as they were");
    }
}

#[test]
fn one_request_that_is_denied_does_not_close_a_target_to_others() {
    let (world, state) = world();
    for _ in 0..4 {
        succeed(&state);
        fail(&state, FailureKind::Denied, 4);
    }
    assert_eq!(shown(&world), BreakerState::Closed);
    fail(&state, FailureKind::Denied, 1);
    assert_eq!(shown(&world), BreakerState::Open, "but none is answered any more");
}

#[test]
fn half_open_lets_one_probe_through() {
    let (world, state) = world();
    fail(&state, FailureKind::Unavailable, 5);
    // Nobody asked for leave, so after a while each process probes for itself.
    world.clock.forward(1_000);
    assert_eq!(shown(&world), BreakerState::HalfOpen);
    assert!(state.begin().is_none());
    world.clock.forward(1_500);
    assert_eq!(world.names(&asks("small"))[0], NAME, "the probe goes where calls usually go");
    let mut probe = state.begin().expect("one probe");
    assert!(state.begin().is_none(), "and no other");
    assert_eq!(world.names(&asks("small"))[1], NAME);
    probe.succeeded(Duration::from_millis(5));
    assert_eq!(shown(&world), BreakerState::Closed);
    drop(probe);
    succeed(&state);
}

#[test]
fn every_failed_probe_doubles_the_rest_up_to_the_longest() {
    let (world, state) = world();
    fail(&state, FailureKind::Unavailable, 5);
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(state.resting(), Some(Duration::from_secs(seconds)));
        world.clock.forward(seconds * 1_000 + 1_500);
        state.begin().expect("a probe").failed(FailureKind::Unavailable, None);
    }
    world.clock.forward(61_500);
    succeed(&state);
    fail(&state, FailureKind::Unavailable, 5);
    assert_eq!(state.resting(), Some(Duration::from_secs(1)), "whoever answered begins anew");
}

#[test]
fn a_probe_that_says_nothing_leaves_it_to_the_next() {
    let (world, state) = world();
    fail(&state, FailureKind::Unavailable, 5);
    world.clock.forward(2_500);
    drop(state.begin().expect("a probe"));
    state.begin().expect("the client had left, so there is another").failed(FailureKind::Invalid, None);
    let probe = state.begin().expect("that was the caller's fault, so there is another");
    // One that never ends does not keep others from it for ever.
    world.clock.forward(31_500);
    let other = state.begin();
    assert!(other.is_some());
    drop((probe, other));
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing() {
    let (world, state) = world();
    let mut early: Vec<Trial> = (0..10).map(|_| state.begin().unwrap()).collect();
    world.clock.forward(10);
    fail(&state, FailureKind::Unavailable, 5);
    early[0].succeeded(Duration::from_millis(10));
    assert_eq!(shown(&world), BreakerState::Open);
    for trial in &mut early[1..] {
        trial.failed(FailureKind::Unavailable, None);
    }
    assert_eq!(state.resting(), Some(Duration::from_secs(1)), "they do not lengthen it");
}

#[test]
fn a_call_that_has_nowhere_else_to_go_is_made_and_may_end_the_rest() {
    let (world, state) = world();
    fail(&state, FailureKind::Unavailable, 5);
    world.clock.forward(10);
    state.begin_anyway().failed(FailureKind::Unavailable, None);
    assert_eq!(state.resting(), Some(Duration::from_millis(990)));
    state.begin_anyway().succeeded(Duration::from_millis(1));
    assert_eq!(shown(&world), BreakerState::Closed);
}

#[test]
fn a_target_that_asks_for_a_pause_gets_it_and_needs_no_probe() {
    let (world, state) = world();
    state.begin().unwrap().failed(FailureKind::Throttled, Some(Duration::from_secs(7)));
    assert_eq!(shown(&world), BreakerState::Paused);
    assert_eq!(state.resting(), Some(Duration::from_secs(7)));
    assert!(state.begin().is_none());
    assert_eq!(world.names(&asks("small"))[1], NAME);
    world.clock.forward(7_000);
    let both = (state.begin(), state.begin());
    assert!(both.0.is_some() && both.1.is_some());
    // A day's quota does not close it for a day: settings say how long at most.
    state.begin().unwrap().failed(FailureKind::Throttled, Some(Duration::from_secs(86_400)));
    assert_eq!(state.resting(), Some(Duration::from_secs(60)));
}

#[test]
fn throttling_without_a_word_of_when_counts_as_a_failure() {
    let (world, state) = world();
    fail(&state, FailureKind::Throttled, 4);
    assert_eq!(shown(&world), BreakerState::Closed);
    fail(&state, FailureKind::NotReady, 1);
    assert_eq!(shown(&world), BreakerState::Open);
}

#[test]
fn a_stream_that_breaks_after_it_began_is_a_failure_too() {
    let (world, state) = world();
    for _ in 0..5 {
        let mut trial = state.begin().unwrap();
        trial.succeeded(Duration::from_millis(5));
        trial.failed(FailureKind::Broken, None);
    }
    assert_eq!(shown(&world), BreakerState::Open);
}

#[test]
fn targets_are_kept_when_routes_change_and_forgotten_when_nobody_wants_them() {
    let (world, state) = world();
    fail(&state, FailureKind::Unavailable, 5);
    let groups = vec![group(Strategy::Ordered, &["small"])];
    let world = world.routed(table(vec![route("small", groups)]));
    assert_eq!(world.names(&asks("small"))[1], NAME, "it still rests");
    world.clock.forward(3_600_000);
    world.router.targets.sweep();
    let left: Vec<_> = world.router.targets().into_iter().map(|it| it.target).collect();
    assert_eq!(left, [NAME], "what rests is not forgotten");
}

#[test]
fn the_number_of_targets_is_bounded() {
    let world = World::new(&["us-east-1"]);
    for number in 0..5_000 {
        let name = format!("arn:aws:bedrock:us-east-1:1:provisioned-model/small.{number}");
        world.clock.forward(1);
        world.plan(&asks(&name)).unwrap();
    }
    assert_eq!(world.router.targets().len(), 2_048);
    let view = &world.router.targets()[0];
    assert_eq!((view.region.as_str(), view.in_flight, view.retries_left), ("us-east-1", 0, 100));
}

#[test]
fn answers_that_all_break_open_it_though_they_began() {
    let (world, state) = world();
    let begin = || {
        let mut trial = state.begin().unwrap();
        trial.succeeded(Duration::from_millis(5));
        trial
    };
    for _ in 0..3 {
        (0..4).for_each(|_| begin().failed(FailureKind::Broken, None));
        begin().ended();
    }
    assert_eq!(shown(&world), BreakerState::Closed, "those that come to their end count");
    for _ in 0..4 {
        let mut broken = begin();
        broken.failed(FailureKind::Broken, None);
        broken.ended();
    }
    // A client that left says neither.
    drop(begin());
    begin().failed(FailureKind::Broken, None);
    assert_eq!(shown(&world), BreakerState::Open);
}

#[test]
fn a_pause_is_waited_for_and_a_rest_is_not() {
    let (world, state) = world();
    assert_eq!(state.wait(), Some(Duration::ZERO));
    state.begin().unwrap().failed(FailureKind::Throttled, Some(Duration::from_secs(7)));
    assert_eq!(state.wait(), Some(Duration::from_secs(7)));
    world.clock.forward(7_000);
    fail(&state, FailureKind::Unavailable, 5);
    assert_eq!((state.wait(), state.resting()), (None, Some(Duration::from_secs(1))));
}

#[test]
fn who_was_in_a_hurry_says_nothing_of_the_target() {
    let (world, state) = world();
    (0..20).for_each(|_| state.begin().unwrap().gave_up());
    assert_eq!(shown(&world), BreakerState::Closed);
}
