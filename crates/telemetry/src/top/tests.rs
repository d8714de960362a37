use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn text(key: u32) -> Arc<str> {
    format!("team-{key}").into()
}

/// Uses a key some times; its last name.
fn times(top: &Top<u32>, key: u32, count: usize, now: Instant) -> Arc<str> {
    (0..count).fold(Arc::from(""), |_, _| top.name(&key, now, || text(key)))
}

#[test]
fn the_first_have_names_at_once_and_the_rest_is_other() {
    let (top, now) = (Top::new(2), Instant::now());
    let names: Vec<_> = [1, 2, 3, 1, 3].into_iter().map(|key| top.name(&key, now, || text(key))).collect();
    assert_eq!(names, ["team-1", "team-2", "other", "team-1", "other"].map(Arc::from));
}

#[test]
fn whoever_is_used_more_gets_the_place_when_the_window_ends() {
    let (top, now) = (Top::new(2), Instant::now());
    times(&top, 1, 10, now);
    times(&top, 2, 3, now);
    assert_eq!(&*times(&top, 3, 5, now), OTHER);
    let next = now + WINDOW;
    assert_eq!(&*times(&top, 3, 1, next), "team-3");
    assert_eq!(&*times(&top, 1, 1, next), "team-1");
    assert_eq!(&*times(&top, 2, 1, next), OTHER);
}

#[test]
fn whoever_is_used_as_much_does_not() {
    let (top, now) = (Top::new(1), Instant::now());
    times(&top, 1, 5, now);
    times(&top, 2, 5, now);
    assert_eq!(&*times(&top, 2, 1, now + WINDOW), OTHER);
}

#[test]
fn the_text_is_asked_for_once() {
    let (top, now) = (Top::new(1), Instant::now());
    times(&top, 1, 1, now);
    let name = top.name(&1, now, || panic!("it has a name"));
    assert_eq!(&*name, "team-1");
    assert_eq!(&*top.name(&2, now, || panic!("it gets none")), OTHER);
}

#[test]
fn names_come_to_an_end() {
    let (top, now) = (Top::new(1), Instant::now());
    let mut seen = BTreeSet::new();
    for turn in 0..20 {
        // Each window belongs to another.
        seen.insert(times(&top, turn, 10 + turn as usize, now + WINDOW * turn));
        seen.insert(times(&top, turn, 1, now + WINDOW * (turn + 1)));
    }
    seen.remove(OTHER);
    assert_eq!(seen.len(), EVER, "{seen:?}");
    assert!(top.unnamed().rivals.take().is_empty(), "nobody is counted who cannot get a name");
}

#[test]
fn no_names_at_all_is_possible() {
    assert_eq!(&*times(&Top::new(0), 1, 3, Instant::now()), OTHER);
}

#[test]
fn threads_agree_on_names() {
    let (top, now) = (Top::new(8), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let top = &top;
            scope.spawn(move || {
                for turn in 0..2_000_u32 {
                    let key = (turn * 7 + thread) % 40;
                    let name = top.name(&key, now + WINDOW * (turn / 500), || text(key));
                    assert!(*name == *OTHER || name == text(key), "{key} is {name}");
                }
            });
        }
    });
    assert!(top.read().len() <= 8);
}

proptest! {
    #[test]
    fn there_are_never_more_names_than_there_may_be(
        most in 0..6_usize,
        uses in prop::collection::vec((0..60_u32, 0..120_u64), 0..600),
    ) {
        let top = Top::new(most);
        let (mut now, mut ever) = (Instant::now(), BTreeSet::new());
        for (key, pause_s) in uses {
            now += Duration::from_secs(pause_s);
            let name = top.name(&key, now, || text(key));
            prop_assert!(*name == *OTHER || name == text(key));
            if *name != *OTHER {
                ever.insert(name);
            }
            prop_assert!(top.read().len() <= most);
            prop_assert!(ever.len() <= most * EVER);
        }
    }

    #[test]
    fn the_heavy_ones_are_named_whoever_came_first(
        most in 1..6_usize,
        light in 1..400_u32,
        order in any::<u64>(),
    ) {
        let (top, now) = (Top::new(most), Instant::now());
        // The light ones come first, take all names, and go on in between.
        for key in 0..light {
            times(&top, key, 1, now);
        }
        let heavy: Vec<u32> = (0..most as u32).map(|it| 10_000 + it).collect();
        for turn in 0..2_000_u64 {
            times(&top, heavy[(turn % most as u64) as usize], 1, now);
            if turn % 4 == 0 {
                times(&top, ((turn ^ order) % u64::from(light)) as u32, 1, now);
            }
        }
        let next = now + WINDOW;
        for key in heavy {
            // With few light ones, one of them may be heavy too; with many, none is.
            let name = times(&top, key, 1, next);
            prop_assert!(light < 8 || *name == *text(key), "{key} is {name}");
        }
    }
}
