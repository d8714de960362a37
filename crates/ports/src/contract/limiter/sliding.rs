//! Sliding windows slide.

use std::time::Duration;

use super::calls::{admitted, ask, open, opened, refusal, refused, settle, stands};
use super::meters::{MINUTE, SECOND, START, id, requests, sliding, tokens};
use crate::{Admission, Limiter, Meter};

const MILLISECOND: Duration = Duration::from_millis(1);

pub(super) async fn keeps(limiter: &dyn Limiter) {
    a_window_slides(limiter).await;
    an_idle_window_forgets(limiter).await;
    waiting_as_told_is_enough(limiter).await;
    several_wait_for_room_for_all(limiter).await;
    lengths_are_independent(limiter).await;
    a_clock_that_steps_back_forgives_nothing(limiter).await;
    what_is_held_slides_as_well(limiter).await;
}

/// A call that ends at once, having used all it held.
async fn spend(limiter: &dyn Limiter, meter: &Meter, now: Duration) {
    let hold = open(limiter, std::slice::from_ref(meter), now).await;
    settle(limiter, &hold, &[meter.amount], now).await;
}

async fn a_window_slides(limiter: &dyn Limiter) {
    let meter = requests(10);
    for _ in 0..10 {
        spend(limiter, &meter, START).await;
    }
    let one = std::slice::from_ref(&meter);
    assert!(!admitted(limiter, one, START + MINUTE).await, "all ten are still in view");
    // Half of the ten are in view, so five more fit.
    let half = START + MINUTE + MINUTE / 2;
    for remaining in [4, 3, 2, 1, 0] {
        let (hold, states) = opened(limiter, one, half).await;
        assert_eq!((states[0].remaining(), states[0].reset_after), (remaining, MINUTE + MINUTE / 2));
        settle(limiter, &hold, &[1], half).await;
    }
    assert!(!admitted(limiter, one, half).await);
    assert_eq!(stands(limiter, &meter, half).await, (10, 0));
}

async fn an_idle_window_forgets(limiter: &dyn Limiter) {
    let meter = requests(2);
    spend(limiter, &meter, START).await;
    spend(limiter, &meter, START).await;
    assert_eq!(stands(limiter, &meter, START + MINUTE * 2).await, (0, 0));
    assert!(admitted(limiter, &[meter], START + MINUTE * 2).await);
}

async fn waiting_as_told_is_enough(limiter: &dyn Limiter) {
    for (limit, seconds) in [(1, 0), (3, 17), (7, 59)] {
        let meter = requests(limit);
        let now = START + Duration::from_secs(seconds);
        for _ in 0..limit {
            spend(limiter, &meter, now).await;
        }
        let one = std::slice::from_ref(&meter);
        let wait = refused(limiter, one, now).await.retry_after.expect("room in two minutes at most");
        assert!(wait > MILLISECOND && wait <= MINUTE * 2, "{wait:?}");
        assert!(!admitted(limiter, one, now + wait - MILLISECOND).await);
        assert!(admitted(limiter, one, now + wait).await, "limit {limit} after {wait:?}");
    }
}

async fn several_wait_for_room_for_all(limiter: &dyn Limiter) {
    let meter = tokens(50, 10);
    for _ in 0..4 {
        spend(limiter, &meter, START).await;
    }
    let one = std::slice::from_ref(&meter);
    let wait = refusal(ask(limiter, &[id(), id(), id()], one, START).await).retry_after.expect("room");
    assert_eq!(wait, MINUTE + MINUTE / 2, "twenty of forty are in view");
    let early = ask(limiter, &[id(), id(), id()], one, START + wait - MILLISECOND).await;
    assert!(matches!(early, Admission::Refused { .. }), "{early:?}");
    let then = ask(limiter, &[id(), id(), id()], one, START + wait).await;
    assert!(matches!(then, Admission::Admitted { .. }), "{then:?}");
}

async fn lengths_are_independent(limiter: &dyn Limiter) {
    let minute = requests(1);
    let hour = Meter { window: sliding(MINUTE * 60), limit: 2, ..minute.clone() };
    let both = [minute.clone(), hour.clone()];
    for (now, full) in [(START, 0), (START + MINUTE * 2, 1)] {
        let hold = open(limiter, &both, now).await;
        settle(limiter, &hold, &[1, 1], now).await;
        assert_eq!(refused(limiter, &both, now).await.full, full);
    }
    let refusal = refused(limiter, &both, START + MINUTE * 4).await;
    assert_eq!((refusal.full, refusal.states[1].reset_after), (1, MINUTE * (120 - 4)), "now it is the hour");
    assert_eq!(refusal.states[0].remaining(), 1);
}

/// Replicas' clocks differ a little, also around the start of a period.
async fn a_clock_that_steps_back_forgives_nothing(limiter: &dyn Limiter) {
    let meter = requests(2);
    let before = START + MINUTE - MILLISECOND * 5;
    spend(limiter, &meter, before).await;
    spend(limiter, &meter, before + SECOND).await;
    spend(limiter, &meter, before).await;
    assert!(!admitted(limiter, &[meter], before).await);
}

/// What is held fades out of view like what is settled; the two are rounded up together, once.
async fn what_is_held_slides_as_well(limiter: &dyn Limiter) {
    let meter = tokens(100, 15);
    let late = START + Duration::from_secs(45);
    let hold = open(limiter, std::slice::from_ref(&meter), late).await;
    settle(limiter, &hold, &[15], late).await;
    open(limiter, std::slice::from_ref(&meter), late).await;
    for (seconds, stand) in [(60, (15, 15)), (75, (12, 11)), (90, (8, 7))] {
        assert_eq!(stands(limiter, &meter, START + Duration::from_secs(seconds)).await, stand, "{seconds}");
    }
}
