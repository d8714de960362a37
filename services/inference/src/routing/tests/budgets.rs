//! A brown-out is not made worse by trying again.

use outcrop_types::FailureKind;

use super::*;

/// Calls that run at once, each played as attempts are made: the targets in their order, a retry only where the target's
/// own failures leave one, and where all rest the first of them anyway.
struct Players<'a> {
    world: &'a World,
    attempts: u32,
    answered: u32,
}

struct UnderWay {
    plan: Plan,
    at: usize,
    made: u8,
    trial: Trial,
}

impl Players<'_> {
    fn begin(&mut self) -> UnderWay {
        let plan = self.world.plan(&asks("small")).unwrap();
        let candidates = plan.candidates();
        let free = candidates.iter().enumerate().find_map(|(at, it)| Some((at, it.state.begin()?)));
        let (at, trial) = free.unwrap_or_else(|| (0, candidates[0].state.begin_anyway()));
        self.attempts += 1;
        UnderWay { plan, at, made: 1, trial }
    }

    /// The call's attempt ends; if it goes on, it does so with its next attempt.
    fn end(&mut self, mut call: UnderWay, works: impl Fn(&Candidate) -> bool) -> Option<UnderWay> {
        if works(&call.plan.candidates()[call.at]) {
            call.trial.succeeded(Duration::from_millis(20));
            self.answered += 1;
            return None;
        }
        call.trial.failed(FailureKind::Unavailable, None);
        if call.made >= 3 {
            return None;
        }
        let rest = call.plan.candidates().iter().enumerate().skip(call.at + 1);
        let (at, trial) = rest
            .filter_map(|(at, it)| Some((at, it.state.begin()?)))
            .find(|(at, _)| call.plan.candidates()[*at].state.may_retry())?;
        self.attempts += 1;
        Some(UnderWay { at, trial, made: call.made + 1, ..call })
    }

    /// So many calls, 64 at a time.
    fn play(&mut self, calls: usize, works: impl Fn(&Candidate) -> bool) {
        let mut left = calls;
        let mut under_way = Vec::new();
        while left > 0 || !under_way.is_empty() {
            while under_way.len() < 64 && left > 0 {
                under_way.push(self.begin());
                left -= 1;
            }
            self.world.clock.forward(20);
            under_way = under_way.into_iter().filter_map(|call| self.end(call, &works)).collect();
        }
    }
}

fn players(world: &World) -> Players<'_> {
    Players { world, attempts: 0, answered: 0 }
}

#[test]
fn total_failure_makes_no_more_than_a_tenth_of_attempts_more() {
    for regions in [&["us-east-1", "us-west-2"][..], &["us-east-1", "us-east-2", "us-west-2"]] {
        let world = World::new(regions);
        let mut players = players(&world);
        players.play(2_000, |_| false);
        assert_eq!(players.answered, 0);
        assert!(players.attempts <= 2_200, "{} attempts for 2000 calls", players.attempts);
    }
}

#[test]
fn with_one_of_two_regions_dead_every_call_is_answered() {
    let world = World::new(&["us-east-1", "us-west-2"]);
    let mut players = players(&world);
    players.play(20_000, |it| it.place.region.as_str() != "us-east-1");
    assert_eq!(players.answered, 20_000);
    assert!(players.attempts < 20_200, "{}: the dead one is left alone", players.attempts);
}

#[test]
fn a_target_that_fails_now_and_then_does_not_use_up_the_retries_of_one_that_answers() {
    let world = World::new(&["us-east-1", "us-west-2"]);
    let mut players = players(&world);
    let calls = std::cell::Cell::new(0_u32);
    players.play(20_000, |it| {
        calls.set(calls.get() + 1);
        it.place.region.as_str() == "us-west-2" || calls.get() % 10 >= 3
    });
    assert_eq!(players.answered, 20_000, "the second is always there for the first one's calls");
    assert!(!state(&world, "us-east-1 vendor.small-v1:0").may_retry());
}

#[test]
fn a_failure_takes_a_token_and_a_success_brings_a_tenth_back() {
    let world = World::new(&["us-east-1"]);
    world.plan(&asks("small")).unwrap();
    let state = state(&world, "us-east-1 vendor.small-v1:0");
    let fail = |kind| state.begin_anyway().failed(kind, None);
    let succeed = || state.begin_anyway().succeeded(Duration::ZERO);
    (0..200).for_each(|_| fail(FailureKind::Invalid));
    assert!(state.may_retry(), "what is the caller's fault costs the target nothing");
    let used_up_by = || {
        (1..=200).find(|_| {
            fail(FailureKind::Unavailable);
            !state.may_retry()
        })
    };
    assert_eq!(used_up_by(), Some(100));
    (0..9).for_each(|_| succeed());
    assert!(!state.may_retry());
    succeed();
    assert!(state.may_retry());
    (0..5_000).for_each(|_| succeed());
    assert_eq!(used_up_by(), Some(100), "no more is saved up");
}
