//! What every [`Limiter`] keeps.
//!
//! Time is passed in, so a minute passes at once; windows are long enough that none runs out while a suite runs
//! against a server with a clock of its own.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::sliding::{Counts, Slide, decide};
use crate::{Admission, Limiter, Window, WindowState};

const MINUTE: Duration = Duration::from_secs(60);
/// The start of a minute and of an hour.
const START: Duration = Duration::from_secs(3_600 * 500_000);

/// Runs the suite. Limiters from `make` may share their counts; the suite never uses a name twice.
pub async fn limiter<F, Fut>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Limiter>>,
{
    without_windows_all_is_admitted(&*make().await).await;
    a_limit_holds(&*make().await).await;
    a_limit_of_zero_admits_nothing(&*make().await).await;
    a_window_slides(&*make().await).await;
    an_idle_window_forgets(&*make().await).await;
    waiting_as_told_is_enough(&*make().await).await;
    what_is_refused_counts_nowhere(&*make().await).await;
    several_are_admitted_together_or_not_at_all(&*make().await).await;
    the_tightest_window_is_told(&*make().await).await;
    names_are_independent(&*make().await).await;
    lengths_are_independent(&*make().await).await;
    a_clock_that_steps_back_forgives_nothing(&*make().await).await;
    odd_names_are_fine(&*make().await).await;
    a_long_history_is_counted_as_by_the_book(&*make().await).await;
    many_at_once_never_exceed_a_limit(make().await).await;
    crossing_windows_at_once_come_to_an_end(make().await).await;
}

#[expect(clippy::disallowed_methods, reason = "adapters may share one server, also with earlier runs")]
fn named(name: &str) -> String {
    format!("{name}:{}", Uuid::now_v7())
}

fn window(name: &str, limit: u32) -> Window {
    Window { name: named(name), limit, length: MINUTE }
}

async fn admitted(limiter: &dyn Limiter, windows: &[Window], now: Duration) -> bool {
    matches!(limiter.admit(windows, now).await.unwrap(), Admission::Admitted { .. })
}

async fn tightest(limiter: &dyn Limiter, windows: &[Window], now: Duration) -> WindowState {
    match limiter.admit(windows, now).await.unwrap() {
        Admission::Admitted { tightest: Some(state) } => state,
        other => panic!("expected an admission with a state, got {other:?}"),
    }
}

async fn refused(limiter: &dyn Limiter, windows: &[Window], now: Duration) -> (WindowState, Duration) {
    match limiter.admit(windows, now).await.unwrap() {
        Admission::Refused { full, retry_after } => (full, retry_after),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn without_windows_all_is_admitted(limiter: &dyn Limiter) {
    assert_eq!(limiter.admit(&[], START).await.unwrap(), Admission::Admitted { tightest: None });
}

async fn a_limit_holds(limiter: &dyn Limiter) {
    let window = window("holds", 3);
    let windows = std::slice::from_ref(&window);
    for remaining in [2, 1, 0] {
        let state = tightest(limiter, windows, START).await;
        let expected =
            WindowState { name: window.name.clone(), limit: 3, remaining, reset_after: MINUTE * 2 };
        assert_eq!(state, expected);
    }
    let (full, retry_after) = refused(limiter, windows, START + Duration::from_secs(10)).await;
    assert_eq!((full.name.as_str(), full.limit, full.remaining), (window.name.as_str(), 3, 0));
    assert_eq!(full.reset_after, Duration::from_secs(110));
    // The next minute begins with 3 in view; one less is in view once a third of it is over.
    assert_eq!(retry_after.as_secs(), 50 + 20);
}

async fn a_limit_of_zero_admits_nothing(limiter: &dyn Limiter) {
    let (full, retry_after) = refused(limiter, &[window("zero", 0)], START).await;
    assert_eq!((full.limit, full.remaining), (0, 0));
    assert!(retry_after > Duration::ZERO);
}

async fn a_window_slides(limiter: &dyn Limiter) {
    let windows = [window("slides", 10)];
    for _ in 0..10 {
        assert!(admitted(limiter, &windows, START).await);
    }
    assert!(!admitted(limiter, &windows, START + MINUTE).await, "all ten are still in view");
    // Half of the ten are in view, so five more fit.
    let half = START + MINUTE + MINUTE / 2;
    for remaining in [4, 3, 2, 1, 0] {
        assert_eq!(tightest(limiter, &windows, half).await.remaining, remaining);
    }
    assert!(!admitted(limiter, &windows, half).await);
}

async fn an_idle_window_forgets(limiter: &dyn Limiter) {
    let windows = [window("forgets", 2)];
    assert!(admitted(limiter, &windows, START).await);
    assert!(admitted(limiter, &windows, START).await);
    assert_eq!(tightest(limiter, &windows, START + MINUTE * 2).await.remaining, 1);
}

async fn waiting_as_told_is_enough(limiter: &dyn Limiter) {
    for (limit, seconds) in [(1, 0), (3, 17), (7, 59)] {
        let windows = [window("waits", limit)];
        let now = START + Duration::from_secs(seconds);
        while admitted(limiter, &windows, now).await {}
        let (_, retry_after) = refused(limiter, &windows, now).await;
        assert!(retry_after > Duration::from_millis(1) && retry_after <= MINUTE * 2, "{retry_after:?}");
        assert!(!admitted(limiter, &windows, now + retry_after - Duration::from_millis(1)).await);
        assert!(admitted(limiter, &windows, now + retry_after).await, "limit {limit} after {retry_after:?}");
    }
}

async fn what_is_refused_counts_nowhere(limiter: &dyn Limiter) {
    let (narrow, wide) = (window("narrow", 1), window("wide", 10));
    // Both orders, so that neither the windows before the full one nor those after it are counted.
    for windows in [[narrow.clone(), wide.clone()], [wide.clone(), narrow.clone()]] {
        let _ = limiter.admit(&windows, START).await.unwrap();
        for _ in 0..3 {
            assert_eq!(refused(limiter, &windows, START).await.0.name, narrow.name);
        }
    }
    assert_eq!(tightest(limiter, &[wide], START).await.remaining, 8, "one admission before, and this one");
}

async fn several_are_admitted_together_or_not_at_all(limiter: &dyn Limiter) {
    let many = async |windows: &[Window], count, now| limiter.admit_many(windows, count, now).await.unwrap();
    let (narrow, wide) = (window("narrow", 5), window("wide", 10));
    let windows = [narrow.clone(), wide.clone()];
    let Admission::Admitted { tightest: Some(state) } = many(&windows, 3, START).await else {
        panic!("three of five fit");
    };
    assert_eq!((state.name, state.remaining), (narrow.name.clone(), 2));
    let Admission::Refused { full, retry_after } = many(&windows, 3, START).await else {
        panic!("two of three are none");
    };
    assert_eq!((full.name, full.limit, full.remaining), (narrow.name.clone(), 5, 2));
    let early = many(&windows, 3, START + retry_after - Duration::from_millis(1)).await;
    assert!(matches!(early, Admission::Refused { .. }), "{early:?}");
    assert_eq!(tightest(limiter, &[wide], START).await.remaining, 6, "three, none, none, and this one");
    let then = many(&windows, 3, START + retry_after).await;
    assert!(matches!(then, Admission::Admitted { .. }), "{then:?}");
    let never = many(&[window("small", 2)], 3, START).await;
    assert!(matches!(never, Admission::Refused { .. }), "more than the limit: {never:?}");
}

async fn the_tightest_window_is_told(limiter: &dyn Limiter) {
    let (wide, narrow) = (window("wide", 100), window("narrow", 5));
    let state = tightest(limiter, &[wide.clone(), narrow.clone()], START).await;
    assert_eq!((state.name, state.remaining), (narrow.name.clone(), 4));
    // Few remain in the wide one once its own limit is lowered.
    let lowered = Window { limit: 3, ..wide };
    let state = tightest(limiter, &[lowered.clone(), narrow], START).await;
    assert_eq!((state.name, state.limit, state.remaining), (lowered.name, 3, 1));
}

async fn names_are_independent(limiter: &dyn Limiter) {
    let (one, other) = (window("one", 1), window("other", 1));
    assert!(admitted(limiter, std::slice::from_ref(&one), START).await);
    assert!(!admitted(limiter, &[one], START).await);
    assert!(admitted(limiter, &[other], START).await);
}

async fn lengths_are_independent(limiter: &dyn Limiter) {
    let minute = window("lengths", 1);
    let hour = Window { length: MINUTE * 60, limit: 2, ..minute.clone() };
    let both = [minute, hour.clone()];
    assert!(admitted(limiter, &both, START).await);
    assert!(!admitted(limiter, &both, START).await, "the minute is full");
    assert!(admitted(limiter, &both, START + MINUTE * 2).await);
    let (full, _) = refused(limiter, &both, START + MINUTE * 4).await;
    assert_eq!(full.reset_after, MINUTE * (120 - 4), "now it is the hour");
}

/// Replicas' clocks differ a little, also around the start of a period.
async fn a_clock_that_steps_back_forgives_nothing(limiter: &dyn Limiter) {
    let windows = [window("back", 2)];
    let before = START + MINUTE - Duration::from_millis(5);
    assert!(admitted(limiter, &windows, before).await);
    assert!(admitted(limiter, &windows, START + MINUTE * 2 - Duration::from_millis(5)).await);
    assert!(admitted(limiter, &windows, before).await);
    assert!(!admitted(limiter, &windows, before).await);
}

async fn odd_names_are_fine(limiter: &dyn Limiter) {
    for odd in ["", "{tag}", "a b\r\n*1", "ключ", "percent%s"] {
        let windows = [window(odd, 1)];
        assert!(admitted(limiter, &windows, START).await);
        assert_eq!(refused(limiter, &windows, START).await.0.name, windows[0].name);
    }
}

/// A pseudo-random history, next to the plainest possible account of it: a number per name, length and period.
async fn a_long_history_is_counted_as_by_the_book(limiter: &dyn Limiter) {
    let windows: Vec<Window> = [(10, 4), (10, 9), (60, 15), (60, 1), (3_600, 200)]
        .into_iter()
        .map(|(seconds, limit)| Window { length: Duration::from_secs(seconds), ..window("history", limit) })
        .collect();
    let mut book: HashMap<(String, u64), u32> = HashMap::new();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut now = START;
    let mut admissions = 0;
    for step in 0..1_500 {
        now += Duration::from_millis([0, 1, 97, 1_500, 9_999][random.below(5)]);
        if random.below(400) == 0 {
            now += MINUTE * 90;
        }
        // Some callers' clocks are behind, by less than the shortest window.
        let theirs = now - Duration::from_millis([0, 0, 0, 3, 4_000][random.below(5)]);
        let chosen: Vec<Window> = windows.iter().filter(|_| random.below(2) == 0).cloned().collect();
        let key = |window: &Window, period| (window.name.clone(), period);
        let asked = [1, 1, 1, 2, 5][random.below(5)];
        let expected = decide(&chosen, asked, theirs, |index| {
            let period = Slide::at(chosen[index].length, theirs).period;
            let count = |period| book.get(&key(&chosen[index], period)).copied().unwrap_or(0);
            Counts { current: count(period), previous: count(period - 1) }
        });
        if matches!(expected, Admission::Admitted { .. }) {
            admissions += 1;
            for window in &chosen {
                *book.entry(key(window, Slide::at(window.length, theirs).period)).or_default() += asked;
            }
        }
        assert_eq!(limiter.admit_many(&chosen, asked, theirs).await.unwrap(), expected, "step {step}");
    }
    assert!((300..1_200).contains(&admissions), "a mix of both answers, not {admissions} of 1500 admitted");
}

/// The same numbers in every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // Truncation is meant.
        (self.0 >> 33) as usize % bound
    }
}

async fn many_at_once_never_exceed_a_limit(limiter: Arc<dyn Limiter>) {
    let windows = Arc::new([window("many", 25), window("more", 1_000)]);
    let tasks: Vec<_> = (0..80)
        .map(|_| {
            let (limiter, windows) = (Arc::clone(&limiter), Arc::clone(&windows));
            tokio::spawn(async move { admitted(&*limiter, &*windows, START).await })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += usize::from(task.await.unwrap());
    }
    assert_eq!(count, 25);
    assert_eq!(tightest(&*limiter, &windows[1..], START).await.remaining, 1_000 - 26);
}

/// A limiter that locks window by window must not lock two of them against each other.
async fn crossing_windows_at_once_come_to_an_end(limiter: Arc<dyn Limiter>) {
    let forth: Vec<Window> = (0..6).map(|_| window("cross", 1_000)).collect();
    let back: Vec<Window> = forth.iter().rev().cloned().collect();
    let both = [Arc::new(forth), Arc::new(back)];
    let tasks: Vec<_> = (0..100)
        .map(|index| {
            let (limiter, windows) = (Arc::clone(&limiter), Arc::clone(&both[index % 2]));
            tokio::spawn(async move { admitted(&*limiter, &windows, START).await })
        })
        .collect();
    for task in tasks {
        assert!(tokio::time::timeout(Duration::from_secs(20), task).await.expect("no deadlock").unwrap());
    }
}
