//! A password that is changed while we run.
//!
//! Connections that are open stay so. When a new one is refused, whoever keeps the password is asked for the one that holds now,
//! and the pool goes on with that.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

/// Shortest time between two questions: while the keeper knows nothing newer, not every caller asks.
const PAUSE: Duration = Duration::from_millis(500);

/// The time between two questions doubles up to this, while they help nobody.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Who is refused so long after the last question has other trouble, which begins anew.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Longest wait of a caller for the answer, besides its wait for a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// Longest for a question itself: the first one fetches credentials, too.
const LONGEST_QUESTION: Duration = Duration::from_secs(15);

/// Class 28 of Postgres's error codes: it does not let us in as who we say we are.
const INVALID_AUTHORIZATION: &str = "28";

/// Knows the password that holds now.
#[async_trait]
pub trait CurrentPassword: Send + Sync + 'static {
    /// Asks for it.
    async fn current(&self) -> Result<SecretString, Box<dyn Error + Send + Sync>>;
}

/// Follows the changes of a password.
pub(crate) struct Renewal {
    keeper: Arc<dyn CurrentPassword>,
    last: Arc<Mutex<Last>>,
}

/// What came of the last question.
struct Last {
    password: Option<SecretString>,
    /// No question before this.
    next: Option<Instant>,
    /// How long the next pause is.
    pause: Duration,
    /// There was no answer, which was said.
    is_silent: bool,
}

impl Renewal {
    pub(crate) fn new(keeper: Arc<dyn CurrentPassword>, password: Option<SecretString>) -> Self {
        let last = Last { password, next: None, pause: PAUSE, is_silent: false };
        Self { keeper, last: Arc::new(Mutex::new(last)) }
    }

    /// After these options were refused: has the pool connect with the password that holds now. Whether there is another one to
    /// try.
    pub(crate) async fn renew(&self, pool: &PgPool, refused: &Arc<PgConnectOptions>) -> bool {
        timeout(PATIENCE, self.renewed(pool, refused)).await.unwrap_or(false)
    }

    async fn renewed(&self, pool: &PgPool, refused: &Arc<PgConnectOptions>) -> bool {
        let mut last = Arc::clone(&self.last).lock_owned().await;
        // Whoever waited here behind another that asked has its answer.
        if !Arc::ptr_eq(&pool.connect_options(), refused) {
            return true;
        }
        if last.rests() {
            return false;
        }
        // Goes on when whoever asked goes away: it may take longer than any caller waits, and would never come to its end.
        let (keeper, pool, refused) = (Arc::clone(&self.keeper), pool.clone(), Arc::clone(refused));
        tokio::spawn(ask(keeper, last, pool, refused)).await.unwrap_or(false)
    }
}

/// While it lasts nobody else asks.
async fn ask(
    keeper: Arc<dyn CurrentPassword>,
    mut last: OwnedMutexGuard<Last>,
    pool: PgPool,
    refused: Arc<PgConnectOptions>,
) -> bool {
    let answer = timeout(LONGEST_QUESTION, keeper.current()).await.map_err(Box::from).flatten();
    let Some(current) = last.newer(answer) else { return false };
    pool.set_connect_options((*refused).clone().password(current.expose_secret()));
    tracing::info!(
        "the secret of the database's password has changed; connections are opened with the new one"
    );
    true
}

impl Last {
    /// Whether it is too early for another question.
    fn rests(&mut self) -> bool {
        let (now, Some(next)) = (Instant::now(), self.next) else { return false };
        if now > next + FORGOTTEN {
            (self.pause, self.is_silent) = (PAUSE, false);
        }
        now < next
    }

    /// Notes an answer. The password in it, if that is another one.
    fn newer(&mut self, answer: Result<SecretString, Box<dyn Error + Send + Sync>>) -> Option<SecretString> {
        self.next = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(2 * self.pause);
        let current = match answer {
            Ok(current) => current,
            Err(error) => {
                if !self.is_silent {
                    tracing::warn!(error = %error, "the database refuses our password, and its keeper cannot be asked for another");
                }
                self.is_silent = true;
                return None;
            }
        };
        if self.is_silent {
            tracing::info!("the keeper of the database's password can be asked again");
        }
        self.is_silent = false;
        if self.password.as_ref().is_some_and(|it| it.expose_secret() == current.expose_secret()) {
            return None;
        }
        (self.next, self.pause) = (Some(Instant::now() + PAUSE), PAUSE);
        self.password = Some(current.clone());
        Some(current)
    }
}

/// Whether the server does not take the password.
pub(crate) fn is_refused(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| code.starts_with(INVALID_AUTHORIZATION))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use sqlx::postgres::PgPoolOptions;
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;

    /// Says a password after a while, and how often it was asked.
    struct Keeper {
        word: std::sync::Mutex<&'static str>,
        asked: AtomicUsize,
        takes: Duration,
    }

    impl Keeper {
        fn says(&self, word: &'static str) {
            *self.word.lock().unwrap() = word;
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[async_trait]
    impl CurrentPassword for Keeper {
        async fn current(&self) -> Result<SecretString, Box<dyn Error + Send + Sync>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.takes).await;
            match *self.word.lock().unwrap() {
                "" => Err("nobody answers".into()),
                password => Ok(password.into()),
            }
        }
    }

    fn renewal(takes: Duration) -> (Arc<Keeper>, Renewal, PgPool) {
        let keeper = Arc::new(Keeper { word: "first".into(), asked: AtomicUsize::new(0), takes });
        let pool = PgPoolOptions::new().connect_lazy_with(PgConnectOptions::new_without_pgpass());
        (keeper.clone(), Renewal::new(keeper, Some("first".into())), pool)
    }

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test(start_paused = true)]
    async fn all_who_were_refused_at_once_ask_once() {
        let (keeper, renewal, pool) = renewal(SOON);
        keeper.says("second");
        let refused = pool.connect_options();
        let renewed = join_all((0..9).map(|_| renewal.renew(&pool, &refused))).await;
        assert_eq!(renewed, [true; 9]);
        assert_eq!(keeper.asked(), 1);
        assert!(!Arc::ptr_eq(&pool.connect_options(), &refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_keeper_who_knows_nothing_newer_is_left_alone_for_a_while() {
        let (keeper, renewal, pool) = renewal(SOON);
        let refused = pool.connect_options();
        for (word, pause) in [("first", PAUSE), ("", 2 * PAUSE)] {
            keeper.says(word);
            let before = keeper.asked();
            let renewed = join_all((0..9).map(|_| renewal.renew(&pool, &refused))).await;
            assert_eq!(renewed, [false; 9]);
            assert_eq!(keeper.asked(), before + 1);
            tokio::time::sleep(pause).await;
        }
        keeper.says("second");
        assert!(renewal.renew(&pool, &refused).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_outlives_whoever_asked_it() {
        let (keeper, renewal, pool) = renewal(Duration::from_millis(2_500));
        keeper.says("second");
        let refused = pool.connect_options();
        // As a probe does.
        let ask = || timeout(Duration::from_secs(2), renewal.renew(&pool, &refused));
        assert!(ask().await.is_err());
        assert_eq!(ask().await, Ok(true));
        assert_eq!(keeper.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_may_take_longer_than_its_callers_wait() {
        let (keeper, renewal, pool) = renewal(2 * PATIENCE);
        keeper.says("second");
        let refused = pool.connect_options();
        assert!(!renewal.renew(&pool, &refused).await);
        tokio::time::sleep(SOON).await;
        assert!(renewal.renew(&pool, &refused).await);
        assert_eq!(keeper.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_that_stays_wrong_is_asked_for_ever_more_seldom() {
        let (keeper, renewal, pool) = renewal(SOON);
        let refused = pool.connect_options();
        let for_a_while = async |long: Duration| {
            let (before, since) = (keeper.asked(), Instant::now());
            while since.elapsed() < long {
                assert!(!renewal.renew(&pool, &refused).await);
                tokio::time::sleep(SOON).await;
            }
            keeper.asked() - before
        };
        let first = for_a_while(2 * LONGEST_PAUSE).await;
        let then = for_a_while(10 * LONGEST_PAUSE).await;
        assert!((4..=7).contains(&first) && (8..=11).contains(&then), "{first}, {then}");
        // After a long time without a refusal it is as in the beginning.
        tokio::time::sleep(LONGEST_PAUSE + FORGOTTEN + SOON).await;
        assert_eq!(for_a_while(2 * LONGEST_PAUSE).await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_keeper_who_is_away_is_told_of_once() {
        let said = Said::default();
        let _guard = tracing::subscriber::set_default(said.clone());
        let (keeper, renewal, pool) = renewal(SOON);
        let refused = pool.connect_options();
        for (word, warnings, others) in
            [("", 1, 0), ("", 1, 0), ("first", 1, 1), ("", 2, 1), ("second", 2, 3)]
        {
            keeper.says(word);
            renewal.renew(&pool, &refused).await;
            tokio::time::sleep(LONGEST_PAUSE).await;
            assert_eq!(said.counts(), (warnings, others), "{word}");
        }
        assert_eq!(keeper.asked(), 5);
    }

    /// Counts warnings, and what else is said.
    #[derive(Clone, Default)]
    struct Said(Arc<[AtomicUsize; 2]>);

    impl Said {
        fn counts(&self) -> (usize, usize) {
            (self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed))
        }
    }

    impl Subscriber for Said {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == module_path!().trim_end_matches("::tests")
        }

        fn event(&self, event: &Event<'_>) {
            let other = usize::from(*event.metadata().level() != Level::WARN);
            self.0[other].fetch_add(1, Ordering::Relaxed);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }
}
