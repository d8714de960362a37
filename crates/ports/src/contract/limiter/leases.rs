//! Whoever never comes back holds nothing for ever.

use std::time::Duration;

use super::calls::{LONGEST, admitted, begin, open, refused, settle, settle_unreserved, stands};
use super::meters::{DAY, MINUTE, SECOND, START, concurrency, day_of, id, money, requests, tokens};
use crate::{Admission, Ask, Limiter, Meter};

pub(super) async fn keeps(limiter: &dyn Limiter) {
    what_is_never_settled_is_given_back(limiter).await;
    each_call_has_its_own_time(limiter).await;
    a_late_settlement_is_counted_once(limiter).await;
    a_late_settlement_of_yesterday_is_paid_yesterday(limiter).await;
    what_was_given_back_and_perhaps_not_reserved_is_counted_once(limiter).await;
}

const OVER: Duration = Duration::from_secs(51);

async fn what_is_never_settled_is_given_back(limiter: &dyn Limiter) {
    let meters = [requests(1), tokens(100, 100), concurrency(1), money(START, 100, 100)];
    begin(limiter, &meters[3], &[], START).await;
    open(limiter, &meters, START).await;
    assert!(!admitted(limiter, &meters, START + LONGEST - SECOND).await, "it may still run");
    assert_eq!(refused(limiter, &meters[2..3], START + LONGEST - SECOND).await.retry_after, None);
    for meter in &meters {
        assert_eq!(stands(limiter, meter, START + OVER).await, (0, 0), "{meter:?}");
    }
    assert!(admitted(limiter, &meters, START + OVER).await);
}

async fn each_call_has_its_own_time(limiter: &dyn Limiter) {
    let meter = concurrency(9);
    let one = std::slice::from_ref(&meter);
    for longest in [10, 20, 30] {
        let ask = Ask { calls: &[id()], meters: one, now: START, longest: Duration::from_secs(longest) };
        assert!(matches!(limiter.reserve(&ask).await, Ok(Admission::Admitted { .. })));
    }
    for (seconds, held) in [(9, 3), (11, 2), (21, 1), (31, 0)] {
        assert_eq!(stands(limiter, &meter, START + Duration::from_secs(seconds)).await, (0, held));
    }
}

async fn a_late_settlement_is_counted_once(limiter: &dyn Limiter) {
    let meters = [tokens(1_000, 100), concurrency(5), money(START, 1_000, 100)];
    begin(limiter, &meters[2], &[], START).await;
    let call = open(limiter, &meters, START).await;
    // Whether somebody noticed before that it was over makes no difference.
    let unnoticed = open(limiter, &meters, START + SECOND * 2).await;
    assert_eq!(stands(limiter, &meters[2], START + OVER).await, (0, 100));
    for _ in 0..3 {
        settle(limiter, &call, &[30, 1, 31], START + OVER).await;
        settle(limiter, &unnoticed, &[30, 1, 31], START + OVER + MINUTE).await;
    }
    assert_eq!(stands(limiter, &meters[0], START + OVER).await, (60, 0));
    assert_eq!(stands(limiter, &meters[1], START + OVER).await, (0, 0));
    assert_eq!(stands(limiter, &meters[2], START + OVER).await, (62, 0));
}

async fn a_late_settlement_of_yesterday_is_paid_yesterday(limiter: &dyn Limiter) {
    let today = money(START, 1_000, 100);
    let evening = START + DAY - SECOND;
    begin(limiter, &today, &[], evening).await;
    let call = open(limiter, std::slice::from_ref(&today), evening).await;
    let tomorrow = Meter { window: day_of(START + DAY), ..today.clone() };
    let morning = START + DAY + MINUTE;
    assert!(admitted(limiter, std::slice::from_ref(&tomorrow), morning).await);
    settle(limiter, &call, &[70], morning).await;
    assert_eq!(stands(limiter, &today, morning).await, (70, 0));
    assert_eq!(stands(limiter, &tomorrow, morning).await, (0, 100));
}

async fn what_was_given_back_and_perhaps_not_reserved_is_counted_once(limiter: &dyn Limiter) {
    let meter = tokens(1_000, 100);
    let call = open(limiter, std::slice::from_ref(&meter), START).await;
    assert_eq!(stands(limiter, &meter, START + OVER).await, (0, 0));
    for _ in 0..3 {
        settle_unreserved(limiter, &call, &[30], START + OVER).await;
        assert_eq!(stands(limiter, &meter, START + OVER).await, (30, 0));
    }
}
