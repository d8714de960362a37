//! Money was spent before the count began.

use super::calls::{
    admitted, ask, begin, hold, open, opened, refused, seed, settle, settle_unreserved, stands, unseeded,
};
use super::meters::{DAY, HOUR, MINUTE, SECOND, START, day_of, id, money, requests, rolling_money, tokens};
use crate::{Admission, Limiter, Meter, SeedMode};

pub(super) async fn keeps(limiter: &dyn Limiter) {
    an_unknown_past_is_asked_for(limiter).await;
    what_is_full_needs_no_past(limiter).await;
    what_was_settled_meanwhile_is_left_out(limiter).await;
    what_is_settled_after_the_question_stays(limiter).await;
    a_past_begins_once(limiter).await;
    days_before_and_after_are_not_the_same(limiter).await;
    a_clock_that_is_behind_adds_nothing_twice(limiter).await;
    what_the_ledger_knows_raises_only(limiter).await;
    what_the_ledger_knows_may_still_be_held(limiter).await;
    an_operator_says_exactly(limiter).await;
    amounts_of_one_slot_add_up(limiter).await;
    other_kinds_have_no_past(limiter).await;
}

const NONE_SETTLED: SeedMode = SeedMode::Begin { settled: 0 };

async fn an_unknown_past_is_asked_for(limiter: &dyn Limiter) {
    for meter in [money(START, 100, 10), rolling_money(100, 10)] {
        let meters = [requests(9), meter.clone()];
        let Admission::Unseeded { meters: unknown } = ask(limiter, &[id()], &meters, START).await else {
            panic!("its past is not known");
        };
        assert_eq!((unknown.len(), unknown[0].meter, unknown[0].settled.len()), (1, 1, 0));
        assert_eq!(stands(limiter, &meters[0], START).await, (0, 0), "nothing is taken");
        assert!(matches!(limiter.count(&meters, START).await, Ok(Admission::Unseeded { .. })));
        begin(limiter, &meter, &[(START, 85)], START).await;
        let (_, states) = opened(limiter, &meters, START).await;
        assert_eq!((states[1].settled, states[1].held, states[1].remaining()), (85, 10, 5));
        assert_eq!(refused(limiter, &meters, START).await.full, 1);
    }
}

async fn what_is_full_needs_no_past(limiter: &dyn Limiter) {
    let (unknown, full) = (money(START, 100, 10), requests(0));
    assert_eq!(refused(limiter, &[unknown.clone(), full], START).await.full, 1);
    let late = hold(id(), std::slice::from_ref(&unknown), START);
    settle_unreserved(limiter, &late, &[95], START).await;
    let refusal = refused(limiter, &[unknown], START).await;
    assert_eq!((refusal.full, refusal.states[0].settled), (0, 95), "more was spent, if anything");
}

async fn what_was_settled_meanwhile_is_left_out(limiter: &dyn Limiter) {
    for meter in [money(START, 1_000, 10), rolling_money(1_000, 10)] {
        let one = std::slice::from_ref(&meter);
        let (first, second) = (hold(id(), one, START), hold(id(), one, START));
        settle_unreserved(limiter, &first, &[7], START).await;
        assert_eq!(unseeded(limiter, one, START).await, [first.call]);
        settle_unreserved(limiter, &second, &[8], START).await;
        let mode = SeedMode::Begin { settled: 3 };
        assert!(
            !seed(limiter, &meter, &[(START, 100)], mode, START).await,
            "one that was left out is not here"
        );
        let mut both = [first.call, second.call];
        both.sort();
        assert_eq!(unseeded(limiter, one, START).await, both);
        let mode = SeedMode::Begin { settled: 2 };
        assert!(seed(limiter, &meter, &[(START, 100)], mode, START).await);
        assert_eq!(stands(limiter, &meter, START).await, (115, 0));
        assert!(admitted(limiter, one, START).await);
    }
}

/// A past that only began while nothing ends would never begin.
async fn what_is_settled_after_the_question_stays(limiter: &dyn Limiter) {
    for meter in [money(START, 1_000, 10), rolling_money(1_000, 10)] {
        let one = std::slice::from_ref(&meter);
        let (first, second) = (hold(id(), one, START), hold(id(), one, START));
        settle_unreserved(limiter, &first, &[7], START).await;
        assert_eq!(unseeded(limiter, one, START).await, [first.call]);
        settle_unreserved(limiter, &second, &[8], START).await;
        let mode = SeedMode::Begin { settled: 1 };
        assert!(seed(limiter, &meter, &[(START, 100)], mode, START).await, "another was settled since");
        assert_eq!(stands(limiter, &meter, START).await, (115, 0));
        assert!(admitted(limiter, one, START).await);
    }
}

async fn a_past_begins_once(limiter: &dyn Limiter) {
    for meter in [money(START, 1_000, 10), rolling_money(1_000, 10)] {
        begin(limiter, &meter, &[(START, 100)], START).await;
        let call = open(limiter, std::slice::from_ref(&meter), START).await;
        settle(limiter, &call, &[10], START).await;
        for settled in [0, 1] {
            let again = SeedMode::Begin { settled };
            assert!(!seed(limiter, &meter, &[(START, 100)], again, START).await, "{settled}");
        }
        assert_eq!(stands(limiter, &meter, START).await, (110, 0));
    }
}

/// Known today is known tomorrow, but not the day before.
async fn days_before_and_after_are_not_the_same(limiter: &dyn Limiter) {
    let today = money(START, 1_000, 10);
    begin(limiter, &today, &[(START, 100)], START + HOUR).await;
    let of = |day| Meter { window: day_of(day), ..today.clone() };
    let (tomorrow, yesterday) = (of(START + DAY), of(START - DAY));
    assert!(admitted(limiter, std::slice::from_ref(&tomorrow), START + DAY).await);
    assert_eq!(stands(limiter, &tomorrow, START + DAY).await, (0, 10));
    let before = START - SECOND;
    assert!(unseeded(limiter, std::slice::from_ref(&yesterday), before).await.is_empty());
    begin(limiter, &yesterday, &[(before, 50)], before).await;
    assert_eq!(stands(limiter, &yesterday, before).await, (50, 0));
    assert_eq!(stands(limiter, &today, START).await, (100, 0));
    assert!(admitted(limiter, &[today], START + HOUR).await);
}

/// Of a rolling window one more slot is in view for a clock that is behind; the others are known already.
async fn a_clock_that_is_behind_adds_nothing_twice(limiter: &dyn Limiter) {
    let meter = rolling_money(1_000, 10);
    let one = std::slice::from_ref(&meter);
    let spent = [(START - DAY * 3, 1), (START - DAY * 2, 2), (START - DAY, 4), (START, 8)];
    begin(limiter, &meter, &spent[1..], START + SECOND).await;
    let call = open(limiter, one, START + SECOND).await;
    settle(limiter, &call, &[16], START + SECOND).await;
    let behind = START - SECOND;
    assert!(unseeded(limiter, one, behind).await.is_empty());
    begin(limiter, &meter, &spent, behind).await;
    assert_eq!(stands(limiter, &meter, behind).await, (1 + 2 + 4, 0));
    assert_eq!(stands(limiter, &meter, START + SECOND).await, (2 + 4 + 8 + 16, 0));
    assert!(admitted(limiter, one, behind).await);
}

async fn what_the_ledger_knows_raises_only(limiter: &dyn Limiter) {
    let meter = rolling_money(1_000, 10);
    let spent = |today, yesterday| [(START, today), (START - DAY, yesterday)];
    let raise = SeedMode::AtLeast;
    assert!(!seed(limiter, &meter, &spent(9, 9), raise, START).await, "it has no past yet");
    assert_eq!(stands(limiter, &meter, START).await, (0, 0));
    begin(limiter, &meter, &spent(50, 30), START).await;
    for (today, yesterday, settled) in [(40, 20, 80), (60, 20, 90), (60, 35, 95), (0, 0, 95)] {
        assert!(seed(limiter, &meter, &spent(today, yesterday), raise, START).await);
        assert_eq!(stands(limiter, &meter, START).await, (settled, 0), "{today} {yesterday}");
    }
}

/// A call may be in the ledger before it is settled here.
async fn what_the_ledger_knows_may_still_be_held(limiter: &dyn Limiter) {
    let meter = money(START, 1_000, 50);
    begin(limiter, &meter, &[(START, 100)], START).await;
    let call = open(limiter, std::slice::from_ref(&meter), START).await;
    assert!(seed(limiter, &meter, &[(START, 140)], SeedMode::AtLeast, START).await);
    assert_eq!(stands(limiter, &meter, START).await, (100, 50));
    settle(limiter, &call, &[40], START).await;
    assert_eq!(stands(limiter, &meter, START).await, (140, 0));
    open(limiter, std::slice::from_ref(&meter), START).await;
    assert!(seed(limiter, &meter, &[(START, 200)], SeedMode::AtLeast, START).await);
    assert_eq!(stands(limiter, &meter, START).await, (150, 50));
}

async fn an_operator_says_exactly(limiter: &dyn Limiter) {
    let meter = rolling_money(1_000, 10);
    let one = std::slice::from_ref(&meter);
    settle_unreserved(limiter, &hold(id(), one, START), &[500], START).await;
    let exactly = SeedMode::Exactly;
    assert!(seed(limiter, &meter, &[(START, 100), (START - DAY, 20)], exactly, START).await);
    assert_eq!(stands(limiter, &meter, START).await, (120, 0), "its past is known now");
    let call = open(limiter, one, START).await;
    assert!(seed(limiter, &meter, &[(START, 30)], exactly, START).await);
    assert_eq!(stands(limiter, &meter, START).await, (30, 10), "of the day before nothing is said");
    settle(limiter, &call, &[9], START).await;
    assert_eq!(stands(limiter, &meter, START).await, (39, 0));
    assert!(!seed(limiter, &meter, &[(START, 1)], NONE_SETTLED, START).await);
}

async fn amounts_of_one_slot_add_up(limiter: &dyn Limiter) {
    for mode in [NONE_SETTLED, SeedMode::AtLeast, SeedMode::Exactly] {
        for meter in [money(START, 1_000, 10), rolling_money(1_000, 10)] {
            if mode != NONE_SETTLED {
                begin(limiter, &meter, &[(START, 5)], START).await;
            }
            let spent = [(START + MINUTE, 10), (START + HOUR, 20), (START + HOUR * 2, 40)];
            assert!(seed(limiter, &meter, &spent, mode, START + HOUR * 3).await);
            assert_eq!(stands(limiter, &meter, START + HOUR * 3).await, (70, 0), "{mode:?}: {meter:?}");
        }
    }
}

async fn other_kinds_have_no_past(limiter: &dyn Limiter) {
    let meter = tokens(100, 10);
    open(limiter, std::slice::from_ref(&meter), START).await;
    for mode in [NONE_SETTLED, SeedMode::AtLeast, SeedMode::Exactly] {
        assert!(!seed(limiter, &meter, &[(START, 50)], mode, START).await, "{mode:?}");
    }
    assert_eq!(stands(limiter, &meter, START).await, (0, 10));
}
