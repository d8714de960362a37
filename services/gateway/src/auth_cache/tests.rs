//! The cache under a clock that stands still and an authenticator that says what it is told to.

mod changing;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_config::Config;
use outcrop_embedded::MemoryChanges;
use outcrop_ports::{Authenticated, Clock, PortError, Refused};
use outcrop_token::service_principal;
use outcrop_types::{PresentedKey, SessionId};
use tokio::sync::Semaphore;

use super::flights::Start;
use super::*;

const TTL: Duration = Duration::from_millis(1000);
const PUSHED_TTL: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(600);

#[derive(Default)]
struct StillClock(Mutex<Duration>);

impl StillClock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + *self.0.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Copy)]
enum Says {
    Good,
    GoodUntil(i64),
    Invalid,
    Away,
}

struct Scripted {
    says: Mutex<Says>,
    asked: AtomicUsize,
    /// A permit is taken for every answer.
    answers: Semaphore,
}

#[async_trait]
impl Authenticator for Scripted {
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answers.acquire().await.unwrap().forget();
        let mut principal = service_principal("caller");
        let mut session = None;
        match credential {
            Credential::ApiKey(key) => principal.key = Some(key.id().clone()),
            _ => session = Some(login()),
        }
        let good = |expires_at| Ok(Authenticated { principal, expires_at, session });
        match *self.says.lock().unwrap() {
            Says::Good => good(None),
            Says::GoodUntil(seconds) => good(DateTime::from_timestamp(1_800_000_000 + seconds, 0)),
            Says::Invalid => Err(Refused::invalid("as told")),
            Says::Away => Err(Refused::Unknown { source: PortError::unavailable("look it up", "away") }),
        }
    }
}

struct Bench {
    clock: Arc<StillClock>,
    scripted: Arc<Scripted>,
    cache: AuthCache,
}

impl Bench {
    fn new(says: Says) -> Self {
        Self::with_entries(says, 1000)
    }

    fn with_entries(says: Says, cache_entries: usize) -> Self {
        let clock = Arc::new(StillClock::default());
        let scripted = Arc::new(Scripted {
            says: Mutex::new(says),
            asked: AtomicUsize::new(0),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let options = GatewayOptions {
            cache_ttl: TTL,
            pushed_cache_ttl: PUSHED_TTL,
            grace: GRACE,
            cache_entries,
            ..GatewayOptions::from(&Config::default())
        };
        let changes = Arc::new(MemoryChanges::default());
        let cache = AuthCache::new(options, Arc::clone(&scripted) as _, changes, Arc::clone(&clock) as _);
        Self { clock, scripted, cache }
    }

    fn now_says(&self, says: Says) {
        *self.scripted.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.scripted.asked.load(Ordering::SeqCst)
    }

    async fn try_key(&self, seed: u8) -> &'static str {
        self.try_credential(&key(seed)).await
    }

    async fn try_credential(&self, credential: &Credential) -> &'static str {
        match self.cache.authenticate(credential).await {
            Ok(_) => "good",
            Err(Refusal::Invalid { .. }) => "invalid",
            Err(Refusal::Unknown { .. }) => "unknown",
        }
    }

    /// Lets what runs beside the requests come to its end.
    async fn settle(&self) {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
}

fn key(seed: u8) -> Credential {
    let mut secret = [seed; 86];
    secret[0] = seed.wrapping_mul(7);
    Credential::ApiKey(PresentedKey::generate([seed; 16], secret))
}

#[tokio::test]
async fn a_good_answer_is_believed_for_the_ttl() {
    let bench = Bench::new(Says::Good);
    for _ in 0..3 {
        assert_eq!(bench.try_key(1).await, "good");
    }
    assert_eq!(bench.asked(), 1);
    bench.clock.advance(TTL);
    assert_eq!(bench.try_key(1).await, "good");
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_the_ttl() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.now_says(Says::Invalid);
    bench.clock.advance(TTL - Duration::from_millis(1));
    assert_eq!(bench.try_key(1).await, "good", "this one also starts the renewal");
    bench.settle().await;
    assert_eq!(bench.try_key(1).await, "invalid");
}

#[tokio::test]
async fn a_key_in_use_is_renewed_beside_the_requests() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    for _ in 0..10 {
        bench.clock.advance(TTL * 4 / 5);
        assert!(bench.cache.recall(&key(1)).is_some(), "no request waits");
        assert!(bench.cache.recall(&key(1)).is_some(), "nor starts a second renewal");
        bench.settle().await;
    }
    assert_eq!(bench.asked(), 11);
}

#[tokio::test]
async fn many_who_need_the_same_answer_ask_once() {
    let bench = Bench::new(Says::Good);
    let all = futures::future::join_all((0..50).map(|_| bench.try_key(1))).await;
    assert!(all.iter().all(|it| *it == "good"));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test]
async fn a_check_goes_on_when_its_caller_leaves() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let waiting = tokio::time::timeout(Duration::from_millis(1), bench.try_key(1)).await;
    assert!(waiting.is_err());
    bench.scripted.answers.add_permits(1);
    bench.settle().await;
    assert!(bench.cache.recall(&key(1)).is_some());
    assert_eq!(bench.asked(), 1);
    assert!(bench.cache.0.flights.is_empty());
}

#[tokio::test]
async fn bad_keys_are_remembered_apart_and_for_the_ttl() {
    let bench = Bench::with_entries(Says::Good, 32);
    for seed in 0..16 {
        assert_eq!(bench.try_key(seed).await, "good");
    }
    let known = bench.cache.0.good.len();
    bench.now_says(Says::Invalid);
    for seed in 16..=255 {
        assert_eq!(bench.try_key(seed).await, "invalid");
    }
    assert_eq!(bench.cache.0.good.len(), known, "no good key went");
    assert!(bench.cache.0.bad.len() <= 32, "{}", bench.cache.0.bad.len());
    let asked = bench.asked();
    assert_eq!(bench.try_key(255).await, "invalid");
    assert_eq!(bench.asked(), asked, "remembered");
    bench.clock.advance(TTL);
    bench.now_says(Says::Good);
    assert_eq!(bench.try_key(255).await, "good", "and forgotten");
}

#[tokio::test]
async fn the_good_ones_are_bounded_too() {
    let bench = Bench::with_entries(Says::Good, 32);
    for seed in 0..=255 {
        assert_eq!(bench.try_key(seed).await, "good");
    }
    assert!(bench.cache.0.good.len() <= 32, "{}", bench.cache.0.good.len());
}

#[tokio::test]
async fn while_the_store_is_away_known_keys_work_for_the_grace_time() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.now_says(Says::Away);
    bench.clock.advance(TTL * 2);
    assert_eq!(bench.try_key(1).await, "good");
    assert_eq!(bench.try_key(2).await, "unknown", "never a 401");
    let asked = bench.asked();
    assert!(bench.cache.recall(&key(1)).is_some(), "nobody waits for a store that is away");
    bench.settle().await;
    assert_eq!(bench.asked(), asked, "nor is it asked at every request");
    bench.clock.advance(GRACE - TTL * 3);
    assert_eq!(bench.try_key(1).await, "good");
    bench.settle().await;
    bench.clock.advance(TTL);
    assert_eq!(bench.try_key(1).await, "unknown", "the grace time is over");
}

#[tokio::test]
async fn when_the_store_is_back_it_is_believed_again() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.now_says(Says::Away);
    bench.clock.advance(TTL * 2);
    assert_eq!(bench.try_key(1).await, "good");
    bench.now_says(Says::Invalid);
    bench.clock.advance(TTL);
    assert_eq!(bench.try_key(1).await, "good", "this one starts the check");
    bench.settle().await;
    assert_eq!(bench.try_key(1).await, "invalid");
}

#[tokio::test]
async fn the_log_hears_why_and_the_caller_does_not() {
    let bench = Bench::new(Says::Invalid);
    for _ in 0..2 {
        let refusal = bench.cache.authenticate(&key(1)).await.unwrap_err();
        assert_eq!(refusal.to_string(), "the credential is not valid");
        assert_eq!(std::error::Error::source(&refusal).unwrap().to_string(), "as told");
    }
    assert_eq!(bench.asked(), 1, "remembered, with the reason");
}

#[tokio::test]
async fn the_same_text_is_another_credential_as_another_kind() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_credential(&Credential::Static("a.b.c".into())).await, "good");
    bench.now_says(Says::Invalid);
    assert_eq!(bench.try_credential(&Credential::Token("a.b.c".into())).await, "invalid");
    assert_eq!(bench.try_credential(&Credential::Static("a.b.c".into())).await, "good");
}

#[tokio::test]
async fn a_key_ends_when_it_says_whatever_the_cache_holds() {
    let bench = Bench::new(Says::GoodUntil(1));
    assert_eq!(bench.try_key(1).await, "good");
    bench.clock.advance(Duration::from_millis(999));
    assert_eq!(bench.try_key(1).await, "good");
    bench.settle().await;
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.try_key(1).await, "invalid");
}

/// The login that everything but a key belongs to.
fn login() -> SessionId {
    SessionId::new(uuid::Uuid::from_u128(7))
}

/// One of many keys that no seed gives; two bytes make one of their characters.
fn garbage(number: usize) -> Credential {
    let mut secret = [0; 86];
    for digit in 0..4 {
        secret[2 * digit + 1] = u8::try_from(number >> (4 * digit) & 15).unwrap();
    }
    Credential::ApiKey(PresentedKey::generate([254; 16], secret))
}

#[tokio::test]
async fn a_flood_of_unknown_keys_keeps_no_known_one_out() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    for number in 0..flights::MAX_FLIGHTS {
        assert!(bench.cache.check(digest(&garbage(number)), &garbage(number)).is_some());
    }
    assert_eq!(bench.try_key(2).await, "unknown", "no place for one more of them");
    bench.clock.advance(TTL * 2);
    assert_eq!(bench.try_key(1).await, "good");
    assert_eq!(bench.asked(), 1 + flights::MAX_FLIGHTS + 1, "it is asked about all the same");
}

#[tokio::test]
async fn a_known_key_that_there_is_no_place_to_check_has_its_grace() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let start = bench.cache.0.start();
    for number in 0..flights::MAX_FLIGHTS {
        assert!(bench.cache.0.flights.join(digest(&garbage(number)), true, start, TTL).is_some());
    }
    bench.clock.advance(TTL * 2);
    assert_eq!(bench.try_key(1).await, "good");
    assert_eq!(bench.asked(), 1);
    bench.clock.advance(GRACE);
    assert_eq!(bench.try_key(1).await, "unknown");
}

#[tokio::test]
async fn while_checks_hang_a_known_key_waits_only_a_moment_and_the_check_goes_on() {
    let bench = Bench::new(Says::Good);
    assert_eq!(bench.try_key(1).await, "good");
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    bench.now_says(Says::Invalid);
    bench.clock.advance(TTL);
    let waiting = tokio::time::timeout(CHECK_TIMEOUT / 2, bench.try_key(1));
    assert_eq!(waiting.await.unwrap(), "good");
    assert!(bench.cache.recall(&key(1)).is_some(), "the next one does not wait at all");
    assert_eq!(bench.asked(), 2);
    bench.scripted.answers.add_permits(1);
    bench.settle().await;
    assert_eq!(bench.try_key(1).await, "invalid", "what the check found counts");
}

#[tokio::test]
async fn nobody_joins_a_check_whose_answer_would_be_stale() {
    let bench = Bench::new(Says::Good);
    bench.scripted.answers.forget_permits(Semaphore::MAX_PERMITS);
    let first = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    bench.clock.advance(TTL - Duration::from_millis(1));
    let joined = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    assert!(joined.ptr_eq(&first), "its answer is fresh enough");
    bench.settle().await;
    bench.clock.advance(Duration::from_millis(1));
    let second = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    let third = bench.cache.check(digest(&key(1)), &key(1)).unwrap();
    assert!(!second.ptr_eq(&first) && third.ptr_eq(&second), "one new one for all who come later");
    bench.settle().await;
    assert_eq!(bench.asked(), 2);
    // The first finds the key good, as it was; the second, which began later, that it is revoked.
    bench.scripted.answers.add_permits(1);
    assert!(first.await.unwrap().unwrap().is_ok());
    bench.now_says(Says::Invalid);
    bench.scripted.answers.add_permits(1);
    assert!(matches!(second.await.unwrap(), Some(Err(Refusal::Invalid { .. }))));
    assert!(matches!(bench.cache.recall(&key(1)), Some(Err(Refusal::Invalid { .. }))));
    assert!(bench.cache.0.flights.is_empty());
}

#[tokio::test]
async fn an_older_check_that_lands_later_changes_nothing() {
    let bench = Bench::new(Says::Good);
    let start: Start = bench.cache.0.start();
    let flights = &bench.cache.0.flights;
    let Some(Joined::Own(old)) = flights.join(digest(&key(1)), false, start, TTL) else { panic!("none yet") };
    bench.now_says(Says::Invalid);
    bench.clock.advance(TTL);
    assert_eq!(bench.try_key(1).await, "invalid");
    bench.now_says(Says::Good);
    let landed = bench.cache.0.ask(digest(&key(1)), old.number, start, &key(1)).await;
    assert!(landed.unwrap().is_ok());
    assert_eq!(bench.try_key(1).await, "invalid", "revoked is revoked");
}
