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
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Shortest time between two questions: while the keeper knows nothing newer, not every caller asks.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest wait for the answer, for which a caller waits besides.
const PATIENCE: Duration = Duration::from_secs(3);

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
    /// What the keeper said last, and when it was asked.
    last: Mutex<(Option<SecretString>, Option<Instant>)>,
}

impl Renewal {
    pub(crate) fn new(keeper: Arc<dyn CurrentPassword>, password: Option<SecretString>) -> Self {
        Self { keeper, last: Mutex::new((password, None)) }
    }

    /// After these options were refused: has the pool connect with the password that holds now. Whether there is another one to
    /// try.
    pub(crate) async fn renew(&self, pool: &PgPool, refused: &Arc<PgConnectOptions>) -> bool {
        let mut last = self.last.lock().await;
        // Whoever waited here behind another that asked has its answer.
        if !Arc::ptr_eq(&pool.connect_options(), refused) {
            return true;
        }
        let (known, asked) = &mut *last;
        if asked.is_some_and(|it| it.elapsed() < PAUSE) {
            return false;
        }
        let answer = tokio::time::timeout(PATIENCE, self.keeper.current()).await;
        *asked = Some(Instant::now());
        let current = match answer.map_err(Box::from).flatten() {
            Ok(current) => current,
            Err(error) => {
                tracing::warn!(error = %error, "the database refuses our password, and its keeper cannot be asked for another");
                return false;
            }
        };
        if known.as_ref().is_some_and(|it| it.expose_secret() == current.expose_secret()) {
            return false;
        }
        pool.set_connect_options((**refused).clone().password(current.expose_secret()));
        *known = Some(current);
        tracing::info!("the database's password was changed; the new one is used from now on");
        true
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

    use super::*;

    /// Says a password, and how often it was asked.
    struct Keeper(std::sync::Mutex<&'static str>, AtomicUsize);

    #[async_trait]
    impl CurrentPassword for Keeper {
        async fn current(&self) -> Result<SecretString, Box<dyn Error + Send + Sync>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
            match *self.0.lock().unwrap() {
                "" => Err("nobody answers".into()),
                password => Ok(password.into()),
            }
        }
    }

    fn renewal() -> (Arc<Keeper>, Renewal, PgPool) {
        let keeper = Arc::new(Keeper("first".into(), AtomicUsize::new(0)));
        let pool = PgPoolOptions::new().connect_lazy_with(PgConnectOptions::new_without_pgpass());
        (keeper.clone(), Renewal::new(keeper, Some("first".into())), pool)
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_were_refused_at_once_ask_once() {
        let (keeper, renewal, pool) = renewal();
        *keeper.0.lock().unwrap() = "second";
        let refused = pool.connect_options();
        let renewed = join_all((0..9).map(|_| renewal.renew(&pool, &refused))).await;
        assert_eq!(renewed, [true; 9]);
        assert_eq!(keeper.1.load(Ordering::Relaxed), 1);
        assert!(!Arc::ptr_eq(&pool.connect_options(), &refused));
    }

    #[tokio::test(start_paused = true)]
    async fn a_keeper_who_knows_nothing_newer_is_left_alone_for_a_while() {
        let (keeper, renewal, pool) = renewal();
        let refused = pool.connect_options();
        for word in ["first", ""] {
            *keeper.0.lock().unwrap() = word;
            let before = keeper.1.load(Ordering::Relaxed);
            let renewed = join_all((0..9).map(|_| renewal.renew(&pool, &refused))).await;
            assert_eq!(renewed, [false; 9]);
            assert_eq!(keeper.1.load(Ordering::Relaxed), before + 1);
            tokio::time::sleep(PAUSE).await;
        }
        *keeper.0.lock().unwrap() = "second";
        assert!(renewal.renew(&pool, &refused).await);
    }
}
