use std::time::Instant;

use outcrop_ports::{Kind, PortFailure, Unseeded, Window};

use super::*;

const NOW: Duration = Duration::from_secs(600);

struct Nil;

impl IdGen for Nil {
    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

fn connect(url: &str) -> Result<RedisLimiter, PortError> {
    RedisLimiter::connect(url, RedisOptions::default(), &LimiterOptions::default(), &Nil)
}

fn meter(window: Window) -> Meter {
    Meter { name: "a {b}".to_owned(), kind: Kind::Money, window, limit: 2, amount: 1 }
}

fn ask(meters: &[Meter]) -> Ask<'_> {
    const CALLS: &[Uuid] = &[Uuid::nil()];
    Ask { calls: CALLS, meters, now: NOW, longest: Duration::from_secs(60) }
}

#[test]
fn all_keys_share_one_hash_tag() {
    let keys = Keys::new("outcrop", Duration::from_secs(60));
    let check = |window, expected: &str| {
        let place = Place::of(window, NOW);
        assert_eq!(keys.part(&meter(window), &place, Duration::ZERO).key, expected);
    };
    check(Window::Open, "outcrop:{limits}:m:o:a {b}");
    check(Window::Sliding { length_ms: 60_000 }, "outcrop:{limits}:m:s60000:a {b}");
    check(Window::Rolling { slot_ms: 3_600_000, slots: 23 }, "outcrop:{limits}:m:r3600000x23:a {b}");
    check(Window::Calendar { from_ms: 5, until_ms: 600_000 }, "outcrop:{limits}:m:c:a {b}");
    for key in keys.fixed.iter().chain([&keys.processes, &keys.prefix]) {
        assert!(key.starts_with("outcrop:{limits}:"), "{key}");
    }
}

#[test]
fn an_answer_must_fit_its_question() {
    let meters = [meter(Window::Sliding { length_ms: 60_000 })];
    let explained = |decided: u8, counts: &[u64]| {
        let answer = (decided, "e".to_owned(), counts.to_vec(), vec![], vec![]);
        reserve::explain(answer, &ask(&meters)).map(|it| matches!(it, Admission::Admitted { .. }))
    };
    assert_eq!(explained(1, &[1, 0, 0, 0]), Some(true));
    assert_eq!(explained(0, &[1, 1, 0, 0]), Some(false));
    for (decided, odd) in [
        (1, &[][..]),
        (1, &[1, 0]),
        (1, &[1, 0, 0]),
        (1, &[1, 0, 0, 0, 0, 0]),
        (1, &[1, 1, 0, 0]),
        (0, &[1, 0, 0, 0]),
        (3, &[1, 0, 0, 0]),
        (7, &[1, 0, 0, 0]),
    ] {
        assert_eq!(explained(decided, odd), None, "{decided} {odd:?}");
    }
}

#[test]
fn an_unknown_past_must_be_of_one_of_the_meters() {
    let meters = [meter(Window::Calendar { from_ms: 0, until_ms: 1_000_000 })];
    let explained = |places: &[usize], calls: Vec<Vec<Vec<u8>>>| {
        reserve::explain((3, "e".to_owned(), vec![0, 0], places.to_vec(), calls), &ask(&meters))
    };
    let call = Uuid::from_u128(7);
    assert_eq!(
        explained(&[0], vec![vec![call.as_bytes().to_vec()]]),
        Some(Admission::Unseeded { meters: vec![Unseeded { meter: 0, settled: vec![call] }] })
    );
    assert_eq!(explained(&[1], vec![vec![]]), None, "there is no such meter");
    assert_eq!(explained(&[0], vec![]), None, "it does not say which calls");
    assert_eq!(explained(&[0], vec![vec![vec![1, 2]]]), None, "that is no call");
}

#[test]
fn a_bad_url_is_refused_without_its_password() {
    for url in ["http://u:hunter2@h", "redis://u:hunter2@h:port", ""] {
        let error = connect(url).expect_err(url);
        assert_eq!(error.failure, PortFailure::Broken);
        assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"), "{error:?}");
    }
    let limiter = connect("redis://u:hunter2@127.0.0.1:1");
    assert!(!format!("{limiter:?}").contains("hunter2"));
}

#[tokio::test]
async fn away_from_the_start_is_unavailable_and_soon_free() {
    // Port 1 is never bound without privileges.
    let limiter = connect("redis://127.0.0.1:1").expect("a good URL");
    let meters = [meter(Window::Open)];
    for _ in 0..RedisOptions::default().failures_to_open {
        let error = limiter.reserve(&ask(&meters)).await.expect_err("away");
        assert_eq!(error.failure, PortFailure::Unavailable);
    }
    let started = Instant::now();
    for _ in 0..1_000 {
        let error = limiter.reserve(&ask(&meters)).await.expect_err("away");
        assert!(error.chain().contains("left alone"), "{}", error.chain());
    }
    // With its time-out for each, a thousand would take most of a minute.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let nothing = Admission::Admitted { states: vec![] };
    assert_eq!(limiter.reserve(&ask(&[])).await.expect("no question"), nothing);
    assert_eq!(limiter.replicas(), 1);
    assert!(limiter.probe().await.is_err());
}
