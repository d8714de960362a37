//! Limits hold, over one or several meters, for one or several calls.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::time::Duration;

use super::calls::{admitted, ask, open, opened, refusal, refused, settle, stands};
use super::meters::{MINUTE, SECOND, START, concurrency, id, money, named, requests, rolling_money, tokens};
use crate::contract::limiter::calls::begin;
use crate::window::{MAX_AMOUNT, MAX_SLIDING};
use crate::{Admission, Limiter, Meter, MeterState};

pub(super) async fn keeps(limiter: &dyn Limiter) {
    without_meters_all_is_admitted(limiter).await;
    a_limit_holds_for_every_kind(limiter).await;
    a_limit_of_zero_admits_nothing(limiter).await;
    more_than_the_limit_never_fits(limiter).await;
    what_is_refused_counts_nowhere(limiter).await;
    several_calls_are_let_in_together_or_not_at_all(limiter).await;
    of_several_full_limits_the_longest_is_named(limiter).await;
    names_are_independent(limiter).await;
    odd_names_are_fine(limiter).await;
    what_is_counted_stays(limiter).await;
    reading_takes_nothing(limiter).await;
    the_largest_numbers_are_exact(limiter).await;
}

async fn without_meters_all_is_admitted(limiter: &dyn Limiter) {
    assert_eq!(ask(limiter, &[id()], &[], START).await, Admission::Admitted { states: vec![] });
    assert_eq!(limiter.count(&[], START).await.unwrap(), Admission::Admitted { states: vec![] });
    assert_eq!(limiter.read(&[], START).await.unwrap(), vec![]);
}

async fn a_limit_holds_for_every_kind(limiter: &dyn Limiter) {
    let meters = [requests(3), tokens(300, 100), concurrency(3), money(START, 3, 1), rolling_money(30, 10)];
    for meter in meters {
        if crate::window::has_past(&meter) {
            begin(limiter, &meter, &[], START).await;
        }
        let one = std::slice::from_ref(&meter);
        for calls in 1..=3 {
            let (_, states) = opened(limiter, one, START).await;
            assert_eq!((states[0].limit, states[0].settled), (meter.limit, 0), "{meter:?}");
            assert_eq!(states[0].held, calls * meter.amount, "{meter:?}");
            assert_eq!(states[0].remaining(), (3 - calls) * meter.amount, "{meter:?}");
        }
        let refusal = refused(limiter, one, START).await;
        assert_eq!((refusal.full, refusal.states[0].remaining()), (0, 0), "{meter:?}");
        assert_eq!(stands(limiter, &meter, START).await, (0, meter.limit), "{meter:?}");
    }
}

async fn a_limit_of_zero_admits_nothing(limiter: &dyn Limiter) {
    for meter in [requests(0), tokens(0, 1), concurrency(0), money(START, 0, 1)] {
        let refusal = refused(limiter, &[meter], START).await;
        assert_eq!((refusal.full, refusal.retry_after), (0, None), "there never is room");
        assert_eq!(refusal.states[0].remaining(), 0);
    }
    assert!(admitted(limiter, &[tokens(0, 0)], START).await, "nothing fits into nothing");
}

async fn more_than_the_limit_never_fits(limiter: &dyn Limiter) {
    for meter in [tokens(10, 11), money(START, 10, 11), rolling_money(10, 11), tokens(10, u64::MAX)] {
        let refusal = refused(limiter, std::slice::from_ref(&meter), START).await;
        assert_eq!((refusal.full, refusal.retry_after), (0, None), "{meter:?}");
    }
    let meter = tokens(10, 6);
    let two = refusal(ask(limiter, &[id(), id()], std::slice::from_ref(&meter), START).await);
    assert_eq!(two.retry_after, None, "twelve together");
    assert!(admitted(limiter, &[meter], START).await);
}

async fn what_is_refused_counts_nowhere(limiter: &dyn Limiter) {
    let (narrow, wide, few) = (requests(1), tokens(1_000, 10), concurrency(10));
    // In every place, so that neither the meters before the full one nor those after it are counted.
    for place in 0..3 {
        let mut meters = vec![wide.clone(), few.clone()];
        meters.insert(place, narrow.clone());
        if place == 0 {
            open(limiter, &meters, START).await;
        }
        for _ in 0..3 {
            let refusal = refused(limiter, &meters, START).await;
            assert_eq!((refusal.full, refusal.states[place].held), (place, 1));
        }
    }
    for (meter, held) in [(narrow, 1), (wide, 10), (few, 1)] {
        assert_eq!(stands(limiter, &meter, START).await, (0, held), "the one that was let in: {meter:?}");
    }
}

async fn several_calls_are_let_in_together_or_not_at_all(limiter: &dyn Limiter) {
    let meters = [requests(5), tokens(1_000, 30)];
    let calls = [id(), id(), id()];
    let Admission::Admitted { states } = ask(limiter, &calls, &meters, START).await else {
        panic!("three of five fit");
    };
    assert_eq!((states[0].held, states[1].held), (3, 90));
    let refusal = refusal(ask(limiter, &[id(), id(), id()], &meters, START).await);
    assert_eq!((refusal.full, refusal.states[0].remaining()), (0, 2), "two of three are none");
    assert_eq!(stands(limiter, &meters[1], START).await, (0, 90));
    // Each is a call of its own.
    for (ended, call) in calls.into_iter().enumerate() {
        settle(limiter, &super::calls::hold(call, &meters, START), &[0, 7], START).await;
        let ended = ended as u64 + 1;
        assert_eq!(stands(limiter, &meters[1], START).await, (7 * ended, 90 - 30 * ended));
    }
    assert_eq!(stands(limiter, &meters[0], START).await, (0, 0));
}

async fn of_several_full_limits_the_longest_is_named(limiter: &dyn Limiter) {
    let hour = Meter { window: super::meters::sliding(MINUTE * 60), ..requests(1) };
    let (few, minute, never) = (concurrency(1), requests(1), tokens(1, 2));
    let full = [few.clone(), minute.clone(), hour.clone()];
    open(limiter, &full, START).await;
    let refusal = refused(limiter, &full, START).await;
    assert_eq!((refusal.full, refusal.retry_after), (2, Some(MINUTE * 120)));
    let refusal = refused(limiter, &[hour.clone(), minute, few.clone()], START).await;
    assert_eq!((refusal.full, refusal.retry_after), (0, Some(MINUTE * 120)));
    let refusal = refused(limiter, &[hour, never, few.clone()], START).await;
    assert_eq!((refusal.full, refusal.retry_after), (1, None), "for ever is longest");
    assert_eq!(refused(limiter, &[few], START).await.retry_after, None, "as long as others take");
}

async fn names_are_independent(limiter: &dyn Limiter) {
    for (one, other) in [(requests(1), requests(1)), (concurrency(1), concurrency(1))] {
        assert!(admitted(limiter, std::slice::from_ref(&one), START).await);
        assert!(!admitted(limiter, &[one], START).await);
        assert!(admitted(limiter, &[other], START).await);
    }
}

async fn odd_names_are_fine(limiter: &dyn Limiter) {
    for odd in ["", "{tag}", "a b\r\n*1", "ключ", "percent%s", "a:b:c\0d"] {
        let meters =
            [Meter { name: named(odd), ..requests(1) }, Meter { name: named(odd), ..concurrency(9) }];
        let hold = open(limiter, &meters, START).await;
        assert_eq!(refused(limiter, &meters, START).await.full, 0);
        settle(limiter, &hold, &[1, 0], START).await;
        assert_eq!(stands(limiter, &meters[0], START).await, (1, 0));
        assert_eq!(stands(limiter, &meters[1], START).await, (0, 0));
    }
}

/// What is merely counted is counted for good, and held by nobody.
async fn what_is_counted_stays(limiter: &dyn Limiter) {
    let (minute, hour) = (requests(2), Meter { window: super::meters::sliding(MINUTE * 60), ..requests(3) });
    let both = [minute.clone(), hour.clone()];
    for counted in 1..=2 {
        let Admission::Admitted { states } = limiter.count(&both, START).await.unwrap() else {
            panic!("two fit");
        };
        let used: Vec<u64> = states.iter().map(|state| state.limit - state.remaining()).collect();
        assert_eq!(used, [counted, counted]);
    }
    let full = refusal(limiter.count(&both, START).await.unwrap());
    assert_eq!((full.full, full.retry_after), (0, Some(MINUTE + SECOND * 30)));
    let later = START + Duration::from_secs(90);
    assert_eq!(stands(limiter, &minute, later).await, (1, 0), "half of it is in view");
    assert!(matches!(limiter.count(&both, later).await.unwrap(), Admission::Admitted { .. }));
    assert_eq!(refusal(limiter.count(&both, later).await.unwrap()).full, 1, "three in an hour");
    assert_eq!(stands(limiter, &hour, later).await, (3, 0));
}

async fn reading_takes_nothing(limiter: &dyn Limiter) {
    let meters = [requests(5), concurrency(5), money(START, 5, 1)];
    begin(limiter, &meters[2], &[(START, 2)], START).await;
    open(limiter, &meters, START).await;
    let state = |settled, reset_after| MeterState { limit: 5, settled, held: 1, reset_after };
    let expected =
        [state(0, MINUTE * 2 - SECOND), state(0, Duration::ZERO), state(2, MINUTE * 60 * 24 - SECOND)];
    for _ in 0..2 {
        assert_eq!(limiter.read(&meters, START + SECOND).await.unwrap(), expected);
    }
    let unused = limiter.read(&[requests(7)], START).await.unwrap();
    assert_eq!(unused, [MeterState { limit: 7, settled: 0, held: 0, reset_after: Duration::ZERO }]);
}

/// Above the largest number all is the largest number, or is refused.
async fn the_largest_numbers_are_exact(limiter: &dyn Limiter) {
    let most_money = Meter { window: rolling_money(0, 0).window, ..money(START, u64::MAX, MAX_AMOUNT - 1) };
    begin(limiter, &most_money, &[], START).await;
    for (meter, most) in [(most_money, MAX_AMOUNT), (tokens(u64::MAX, MAX_SLIDING - 1), MAX_SLIDING)] {
        let (hold, states) = opened(limiter, std::slice::from_ref(&meter), START).await;
        assert_eq!((states[0].limit, states[0].held, states[0].remaining()), (most, most - 1, 1));
        let more = |amount| [Meter { amount, ..meter.clone() }];
        for amount in [2, most, most + 1, u64::MAX] {
            let refusal = refused(limiter, &more(amount), START).await;
            assert_eq!(refusal.retry_after.is_none(), amount > most, "{amount}");
        }
        open(limiter, &more(1), START).await;
        assert_eq!(stands(limiter, &meter, START).await, (0, most));
        settle(limiter, &hold, &[u64::MAX], START).await;
        assert_eq!(stands(limiter, &meter, START).await, (most, 1));
        let late = super::calls::hold(id(), &more(1), START);
        super::calls::settle_unreserved(limiter, &late, &[u64::MAX], START).await;
        assert_eq!(stands(limiter, &meter, START).await, (most, 1), "and no more");
    }
}
