//! Windows that are not sliding: now, a day, the last days.

use std::time::Duration;

use super::calls::{admitted, begin, open, opened, refused, settle, stands};
use super::meters::{DAY, HOUR, MINUTE, SECOND, START, concurrency, day_of, money, rolling_money};
use crate::{Limiter, Meter};

pub(super) async fn keeps(limiter: &dyn Limiter) {
    only_what_is_open_counts_at_a_time(limiter).await;
    a_day_ends(limiter).await;
    a_call_of_yesterday_is_paid_yesterday(limiter).await;
    the_last_days_roll_on(limiter).await;
    a_call_stays_in_the_slot_it_was_let_in(limiter).await;
}

async fn only_what_is_open_counts_at_a_time(limiter: &dyn Limiter) {
    let meter = concurrency(2);
    let one = std::slice::from_ref(&meter);
    let (first, _second) = (open(limiter, one, START).await, open(limiter, one, START).await);
    let refusal = refused(limiter, one, START + SECOND).await;
    assert_eq!((refusal.retry_after, refusal.states[0].reset_after), (None, Duration::ZERO));
    settle(limiter, &first, &[1], START + SECOND).await;
    assert_eq!(stands(limiter, &meter, START + SECOND).await, (0, 1), "nothing stays used");
    let (_, states) = opened(limiter, one, START + SECOND).await;
    assert_eq!((states[0].remaining(), states[0].reset_after), (0, Duration::ZERO));
}

async fn a_day_ends(limiter: &dyn Limiter) {
    let today = money(START, 100, 60);
    let evening = START + DAY - MINUTE;
    begin(limiter, &today, &[], evening).await;
    let hold = open(limiter, std::slice::from_ref(&today), evening).await;
    let refusal = refused(limiter, std::slice::from_ref(&today), evening).await;
    assert_eq!(refusal.retry_after, Some(MINUTE));
    assert_eq!(refusal.states[0].reset_after, MINUTE);
    settle(limiter, &hold, &[60], evening).await;
    let tomorrow = Meter { window: day_of(START + DAY), ..today.clone() };
    assert_eq!(stands(limiter, &tomorrow, START + DAY).await, (0, 0));
    assert!(admitted(limiter, std::slice::from_ref(&tomorrow), START + DAY).await, "its past is known");
    assert_eq!(stands(limiter, &tomorrow, START + DAY).await, (0, 60));
    assert_eq!(stands(limiter, &today, START + DAY).await, (60, 0), "today is still what it was");
}

async fn a_call_of_yesterday_is_paid_yesterday(limiter: &dyn Limiter) {
    let today = money(START, 100, 60);
    let evening = START + DAY - SECOND * 10;
    begin(limiter, &today, &[(START, 5)], evening).await;
    let in_time = open(limiter, std::slice::from_ref(&today), evening).await;
    let tomorrow = Meter { window: day_of(START + DAY), ..today.clone() };
    let morning = START + DAY + SECOND * 10;
    open(limiter, std::slice::from_ref(&tomorrow), morning).await;
    assert_eq!(stands(limiter, &today, morning).await, (5, 60), "still held where it was let in");
    settle(limiter, &in_time, &[70], morning).await;
    assert_eq!(stands(limiter, &today, morning).await, (75, 0));
    assert_eq!(stands(limiter, &tomorrow, morning).await, (0, 60));
}

async fn the_last_days_roll_on(limiter: &dyn Limiter) {
    let meter = rolling_money(100, 30);
    let one = std::slice::from_ref(&meter);
    begin(limiter, &meter, &[(START, 0)], START).await;
    for day in 0..3 {
        let now = START + DAY * day + HOUR;
        let hold = open(limiter, one, now).await;
        settle(limiter, &hold, &[30], now).await;
        assert_eq!(stands(limiter, &meter, now).await, (30 * u64::from(day) + 30, 0));
    }
    let third = START + DAY * 2 + HOUR;
    let refusal = refused(limiter, one, third).await;
    assert_eq!(refusal.retry_after, Some(HOUR * 23), "when the first day leaves view");
    assert_eq!(refusal.states[0].reset_after, HOUR * 23 + DAY * 2);
    for (amount, days) in [(40, 0), (41, 1), (70, 1), (71, 2), (100, 2)] {
        let wait = refused(limiter, &[Meter { amount, ..meter.clone() }], third).await.retry_after;
        assert_eq!(wait, Some(HOUR * 23 + DAY * days), "{amount}");
    }
    assert!(!admitted(limiter, one, START + DAY * 3 - SECOND).await);
    let (_, states) = opened(limiter, one, START + DAY * 3).await;
    assert_eq!((states[0].settled, states[0].held), (60, 30), "its past is still known");
}

async fn a_call_stays_in_the_slot_it_was_let_in(limiter: &dyn Limiter) {
    let meter = rolling_money(100, 30);
    let midnight = START + DAY;
    begin(limiter, &meter, &[], midnight - SECOND).await;
    let hold = open(limiter, std::slice::from_ref(&meter), midnight - SECOND).await;
    settle(limiter, &hold, &[40], midnight + SECOND).await;
    assert_eq!(stands(limiter, &meter, midnight + DAY + HOUR).await, (40, 0));
    assert_eq!(stands(limiter, &meter, midnight + DAY * 2).await, (0, 0));
}
