//! What a call used takes the place of what it held: once, and in the time it was let in.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use super::calls::{admitted, begin, hold, open, refused, settle, settle_unreserved, stands};
use super::meters::{MINUTE, SECOND, START, concurrency, id, money, requests, rolling_money, tokens};
use crate::{Limiter, Settlement};

pub(super) async fn keeps(limiter: &dyn Limiter) {
    what_was_used_takes_the_place_of_what_was_held(limiter).await;
    the_next_call_has_what_was_left(limiter).await;
    settling_again_changes_nothing(limiter).await;
    an_amount_that_is_missing_is_nothing(limiter).await;
    several_are_settled_at_once(limiter).await;
    a_call_that_was_not_reserved_is_counted_once(limiter).await;
    a_call_that_perhaps_was_reserved_is_counted_once(limiter).await;
    an_unknown_call_is_not_counted(limiter).await;
    it_counts_in_the_period_it_was_let_in(limiter).await;
}

async fn what_was_used_takes_the_place_of_what_was_held(limiter: &dyn Limiter) {
    for used in [0, 1, 100, 250] {
        let meters =
            [requests(9), tokens(500, 100), concurrency(9), money(START, 500, 100), rolling_money(500, 100)];
        begin(limiter, &meters[3], &[], START).await;
        begin(limiter, &meters[4], &[], START).await;
        let call = open(limiter, &meters, START).await;
        settle(limiter, &call, &[1, used, 1, used, used], START + SECOND).await;
        for (meter, settled) in meters.iter().zip([1, used, 0, used, used]) {
            assert_eq!(stands(limiter, meter, START + SECOND).await, (settled, 0), "{used}: {meter:?}");
        }
    }
}

async fn the_next_call_has_what_was_left(limiter: &dyn Limiter) {
    let meter = money(START, 100, 80);
    let one = std::slice::from_ref(&meter);
    begin(limiter, &meter, &[], START).await;
    let call = open(limiter, one, START).await;
    assert!(!admitted(limiter, one, START).await);
    settle(limiter, &call, &[20], START).await;
    let call = open(limiter, one, START).await;
    // More than the limit was left is what was used all the same.
    settle(limiter, &call, &[95], START).await;
    let refusal = refused(limiter, one, START).await;
    assert_eq!((refusal.states[0].settled, refusal.states[0].remaining()), (115, 0));
}

async fn settling_again_changes_nothing(limiter: &dyn Limiter) {
    let meter = tokens(1_000, 100);
    let one = std::slice::from_ref(&meter);
    let (call, other) = (open(limiter, one, START).await, open(limiter, one, START).await);
    for used in [40, 40, 70] {
        settle(limiter, &call, &[used], START).await;
        assert_eq!(stands(limiter, &meter, START).await, (40, 100), "the other one still holds");
    }
    settle(limiter, &other, &[0], START).await;
    settle(limiter, &other, &[50], START).await;
    assert_eq!(stands(limiter, &meter, START).await, (40, 0));
}

async fn an_amount_that_is_missing_is_nothing(limiter: &dyn Limiter) {
    let meters = [tokens(100, 10), concurrency(5), requests(5)];
    let call = open(limiter, &meters, START).await;
    settle(limiter, &call, &[3], START).await;
    for (meter, settled) in meters.iter().zip([3, 0, 0]) {
        assert_eq!(stands(limiter, meter, START).await, (settled, 0), "{meter:?}");
    }
}

async fn several_are_settled_at_once(limiter: &dyn Limiter) {
    let meters = [tokens(1_000, 100), concurrency(5)];
    let mut settlements = Vec::new();
    for used in [10, 20, 30] {
        let hold = open(limiter, &meters, START).await;
        settlements.push(Settlement { hold, used: vec![used, 0], unreserved: false });
    }
    // One of them twice, and one that nobody knows.
    settlements.push(settlements[0].clone());
    let unknown = hold(id(), &meters, START);
    settlements.push(Settlement { hold: unknown, used: vec![1, 1], unreserved: false });
    limiter.settle(&settlements, START).await.unwrap();
    assert_eq!(stands(limiter, &meters[0], START).await, (60, 0));
    assert_eq!(stands(limiter, &meters[1], START).await, (0, 0));
    limiter.settle(&[], START).await.unwrap();
}

async fn a_call_that_was_not_reserved_is_counted_once(limiter: &dyn Limiter) {
    let meters = [tokens(1_000, 100), concurrency(5), money(START, 1_000, 100)];
    begin(limiter, &meters[2], &[], START).await;
    let call = hold(id(), &meters, START);
    for _ in 0..3 {
        settle_unreserved(limiter, &call, &[30, 1, 31], START + SECOND).await;
    }
    for (meter, settled) in meters.iter().zip([30, 0, 31]) {
        assert_eq!(stands(limiter, meter, START + SECOND).await, (settled, 0), "{meter:?}");
    }
}

/// Whoever asked and heard nothing does not know whether it was reserved.
async fn a_call_that_perhaps_was_reserved_is_counted_once(limiter: &dyn Limiter) {
    let meter = tokens(1_000, 100);
    let call = open(limiter, std::slice::from_ref(&meter), START).await;
    for _ in 0..3 {
        settle_unreserved(limiter, &call, &[30], START + SECOND).await;
        assert_eq!(stands(limiter, &meter, START + SECOND).await, (30, 0));
    }
}

async fn an_unknown_call_is_not_counted(limiter: &dyn Limiter) {
    let meter = tokens(1_000, 100);
    settle(limiter, &hold(id(), std::slice::from_ref(&meter), START), &[30], START).await;
    assert_eq!(stands(limiter, &meter, START).await, (0, 0));
}

async fn it_counts_in_the_period_it_was_let_in(limiter: &dyn Limiter) {
    let meter = tokens(1_000, 100);
    let one = std::slice::from_ref(&meter);
    let late = START + MINUTE - SECOND * 10;
    let reserved = open(limiter, one, late).await;
    let unreserved = hold(id(), one, late);
    let next = START + MINUTE + SECOND * 30;
    settle(limiter, &reserved, &[60], next).await;
    settle_unreserved(limiter, &unreserved, &[20], next).await;
    assert_eq!(stands(limiter, &meter, next).await, (40, 0), "half of that period is in view");
    assert_eq!(stands(limiter, &meter, START + MINUTE * 2).await, (0, 0));
}
