use uuid::Uuid;

use super::*;

const SLIDING: Window = Window::Sliding { length_ms: 1_000 };

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn slots(slots: &[(u64, u64)]) -> Vec<Slot> {
    slots.iter().map(|(settled, held)| Slot { settled: *settled, held: *held }).collect()
}

fn meter(window: Window, limit: u64, amount: u64) -> Meter {
    Meter { name: String::new(), kind: Kind::Tokens, window, limit, amount }
}

/// What counts `wait_ms` later, when newer slots have begun in which nothing is used.
fn counts_after(window: Window, now_ms: u64, used: &[Slot], wait_ms: u64) -> u64 {
    let (then, later) = (Place::of(window, at(now_ms)), Place::of(window, at(now_ms + wait_ms)));
    let mut view = vec![Slot::default(); usize::try_from(later.slot - then.slot).unwrap()];
    view.extend_from_slice(used);
    view.truncate(later.before as usize + 1);
    let Slot { settled, held } = later.in_view(&view);
    settled + held
}

/// `retry_after` and `reset_after` are the first moments with room, by trying every moment.
fn tries_every_moment(window: Window, now_ms: u64, used: &[Slot], limit: u64, wanted: u64) {
    let place = Place::of(window, at(now_ms));
    let longest = place.slot_ms * (u64::from(place.before) + 1);
    let first =
        |room: u64| (0..=longest).find(|wait| counts_after(window, now_ms, used, *wait) <= room).map(at);
    let told = place.retry_after(used, limit, wanted);
    assert_eq!(told, first(limit - wanted), "{wanted} of {limit}, {used:?} at {now_ms}, {window:?}");
    assert_eq!(Some(place.reset_after(used)), first(0), "{used:?} at {now_ms}, {window:?}");
}

#[test]
fn a_sliding_window_has_room_when_it_says() {
    for (limit, wanted) in
        [(1, 1), (2, 1), (3, 1), (7, 1), (50, 1), (3, 2), (3, 3), (50, 20), (50, 50), (5, 0)]
    {
        for (present, before) in [
            ((0, 0), (0, 0)),
            ((0, 0), (0, 1)),
            ((0, 0), (5, 4)),
            ((1, 0), (0, 0)),
            ((0, 1), (3, 0)),
            ((1, 1), (1, 1)),
            ((7, 0), (0, 0)),
            ((0, 7), (7, 0)),
            ((40, 9), (2, 0)),
            ((60, 0), (60, 0)),
        ] {
            for elapsed in [0, 1, 333, 999] {
                tries_every_moment(SLIDING, 7_000 + elapsed, &slots(&[present, before]), limit, wanted);
            }
        }
    }
}

#[test]
fn a_rolling_window_has_room_when_it_says() {
    let window = Window::Rolling { slot_ms: 1_000, slots: 3 };
    for used in [
        slots(&[(0, 0), (0, 0), (0, 0), (0, 0)]),
        slots(&[(5, 0), (0, 0), (0, 0), (0, 0)]),
        slots(&[(0, 0), (0, 0), (0, 0), (0, 5)]),
        slots(&[(1, 1), (2, 0), (0, 3), (4, 0)]),
        slots(&[(0, 4), (3, 0), (0, 2), (1, 0)]),
        slots(&[(0, 0), (9, 0), (0, 0), (1, 0)]),
        slots(&[(1, 1)]),
    ] {
        for (limit, wanted) in [(1, 1), (10, 1), (10, 3), (10, 10), (5, 0), (100, 1)] {
            for elapsed in [0, 1, 500, 999] {
                tries_every_moment(window, 9_000 + elapsed, &used, limit, wanted);
            }
        }
    }
}

#[test]
fn a_day_has_room_when_it_is_over_and_now_when_others_are() {
    let day = Window::Calendar { from_ms: 1_000, until_ms: 5_000 };
    let place = Place::of(day, at(1_200));
    assert_eq!((place.slot, place.left_ms), (1_000, 3_800));
    assert_eq!(place.retry_after(&slots(&[(9, 1)]), 10, 1), Some(at(3_800)));
    assert_eq!(place.retry_after(&slots(&[(9, 0)]), 10, 1), Some(Duration::ZERO));
    assert_eq!(place.retry_after(&slots(&[(9, 1)]), 10, 11), None);
    assert_eq!(place.reset_after(&slots(&[(0, 1)])), at(3_800));
    assert_eq!(place.reset_after(&slots(&[(0, 0)])), Duration::ZERO);
    assert_eq!(Place::of(day, at(9_000)).left_ms, 0);
    let open = Place::of(Window::Open, at(1_200));
    assert_eq!(open.retry_after(&slots(&[(0, 5)]), 5, 1), None);
    assert_eq!(open.reset_after(&slots(&[(0, 5)])), Duration::ZERO);
}

#[test]
fn the_period_before_fades_rounded_up_once() {
    let view = |elapsed: u64| Place::of(Window::Sliding { length_ms: 60_000 }, at(600_000 + elapsed));
    let used = |elapsed: u64| {
        let Slot { settled, held } = view(elapsed).in_view(&slots(&[(1, 0), (10, 0)]));
        settled + held
    };
    assert_eq!([used(0), used(1), used(30_000), used(59_999)], [11, 11, 6, 2]);
    // A half of three and a half of three are three, not four.
    assert_eq!(view(30_000).in_view(&slots(&[(0, 0), (3, 3)])), Slot { settled: 2, held: 1 });
}

#[test]
fn lengths_and_numbers_are_brought_into_range() {
    let sliding = |length_ms| Place::of(Window::Sliding { length_ms }, at(5_500));
    assert_eq!(sliding(0), sliding(1_000));
    assert_eq!(sliding(u64::MAX).slot_ms, MAX_LENGTH_MS);
    let rolling = |slot_ms, slots| Place::of(Window::Rolling { slot_ms, slots }, at(5_500));
    assert_eq!(rolling(0, 99), rolling(1_000, MAX_SLOTS));
    assert_eq!(rolling(u64::MAX, 0).slot_ms, MAX_LENGTH_MS);
    assert_eq!(rolling(1_000, 99).slots().collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0], "none before the first");
    let full = slots(&[(u64::MAX, u64::MAX); 2]);
    assert_eq!(sliding(1_000).in_view(&full).settled, MAX_SLIDING + MAX_SLIDING.div_ceil(2));
    let most = state(&meter(SLIDING, u64::MAX, 0), &sliding(1_000), &[]);
    assert_eq!((most.limit, most.remaining()), (MAX_SLIDING, MAX_SLIDING));
}

/// Whatever the numbers, nothing overflows.
#[test]
fn any_numbers_are_fine() {
    let numbers = [0, 1, 999, MAX_SLIDING, MAX_AMOUNT, MAX_AMOUNT + 1, u64::MAX];
    let moments = [Duration::ZERO, at(1), at(u64::MAX), Duration::MAX];
    for (number, other) in numbers.into_iter().flat_map(|number| numbers.map(|other| (number, other))) {
        for now in moments {
            for window in [
                Window::Sliding { length_ms: number },
                Window::Open,
                Window::Calendar { from_ms: number, until_ms: other },
                Window::Rolling { slot_ms: number, slots: u32::MAX },
            ] {
                let meter = Meter { kind: Kind::Money, ..meter(window, number, other) };
                let view = View { slots: slots(&[(number, other); 33]), unseeded: None };
                let ask = Ask { calls: &[Uuid::nil(); 3], meters: &[meter], now, longest: now };
                let _ = decide(&ask, &[view]);
                let _ = begins_ms(window, now);
                let _ = remembered_ms(&ask.meters[0], &Place::of(window, now));
                let by_slot = by_slot(window, &[(number, other), (other, number), (number, number)], now);
                assert!(by_slot.values().all(|amount| *amount <= most(window)));
            }
        }
    }
}

#[test]
fn amounts_go_to_the_slots_in_view_and_to_newer_ones() {
    let window = Window::Rolling { slot_ms: 1_000, slots: 2 };
    let spent = [(4_999, 1), (5_000, 2), (5_999, 4), (7_200, 8), (8_000, 16)];
    let expected = [(5, 6), (6, 0), (7, 8), (8, 16)];
    assert_eq!(by_slot(window, &spent, at(7_500)).into_iter().collect::<Vec<_>>(), expected);
    let day = Window::Calendar { from_ms: 1_000, until_ms: 9_000 };
    assert_eq!(by_slot(day, &spent, at(7_500)).into_iter().collect::<Vec<_>>(), [(1_000, 31)]);
    assert_eq!((begins_ms(window, at(7_500)), begins_ms(day, at(7_500))), (5_000, 1_000));
    assert_eq!((begins_ms(window, at(500)), slot_begins_ms(window, 7)), (0, 7_000));
}

#[test]
fn of_several_full_limits_the_longest_wait_is_named() {
    let minute = meter(Window::Sliding { length_ms: 60_000 }, 1, 1);
    let meters = [meter(SLIDING, 1, 1), minute, meter(Window::Open, 0, 0), meter(SLIDING, 0, 1)];
    let full = |settled| View { slots: slots(&[(settled, 0)]), unseeded: None };
    let named = |count: usize| {
        let ask = Ask { calls: &[Uuid::nil()], meters: &meters[..count], now: at(600_000), longest: at(0) };
        match decide(&ask, &vec![full(1); count]) {
            Admission::Refused { full, retry_after, .. } => (full, retry_after),
            other => panic!("all are full: {other:?}"),
        }
    };
    assert_eq!(named(1), (0, Some(at(2_000))));
    assert_eq!(named(2), (1, Some(at(120_000))));
    assert_eq!(named(3), (1, Some(at(120_000))));
    assert_eq!(named(4), (3, None));
}
