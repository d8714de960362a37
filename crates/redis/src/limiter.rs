//! Sliding windows as pairs of counters in Redis.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::sliding::{self, Counts, Slide};
use outcrop_ports::{Admission, Limiter, PortError, Probe, Window};
use redis::Script;
use redis::aio::MultiplexedConnection;

use crate::connection::{Connection, NoAnswer, RedisOptions};

/// How long a counter outlives its use, so that replicas whose clocks are behind still find it.
const SLACK_MS: u64 = 10_000;

/// Counts in Redis, over all replicas that use the same one.
///
/// Every period of a window has a counter of its own, named for it, which expires by itself. All keys carry the
/// hash tag `{limits}`, so that they live on one node of a cluster and one script may touch them together.
#[derive(Debug, Clone)]
pub struct RedisLimiter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    script: Script,
}

/// Redis answered something that the script does not say.
#[derive(Debug, thiserror::Error)]
#[error("the script's answer does not fit its question")]
struct OddAnswer;

impl RedisLimiter {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS.
    ///
    /// Connects when first used, so Redis may be away now. The URL alone can be wrong here. Call it where the
    /// process's main runtime is current: the connection will live there.
    pub fn connect(url: &str, options: RedisOptions) -> Result<Self, PortError> {
        let connection = Connection::new(url, options)?;
        let script = Script::new(include_str!("admit.lua"));
        Ok(Self { shared: Arc::new(Shared { connection, script }) })
    }

    /// Looks for Redis in the background.
    fn look_again(&self) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            // The connection notes and logs the outcome.
            let _ = shared.connection.ping().await;
        });
    }

    async fn run_script(
        &self,
        windows: &[Window],
        count: u32,
        now: Duration,
        mut connection: MultiplexedConnection,
    ) -> redis::RedisResult<Vec<u32>> {
        let mut invocation = self.shared.script.prepare_invoke();
        for window in windows {
            let slide = Slide::at(window.length, now);
            invocation.key(key(window, slide, slide.period));
            invocation.key(key(window, slide, slide.period.saturating_sub(1)));
            invocation.arg(window.limit).arg(slide.weight).arg(2 * slide.length_ms + SLACK_MS);
        }
        invocation.arg(count);
        invocation.invoke_async(&mut connection).await
    }
}

fn key(window: &Window, slide: Slide, period: u64) -> String {
    format!("outcrop:{{limits}}:{}:{}:{period}", window.name, slide.length_ms)
}

/// Explains the script's answer; `None` if it makes no sense.
fn read(answer: &[u32], windows: &[Window], count: u32, now: Duration) -> Option<Admission> {
    let (counted, counts) = answer.split_first()?;
    if counts.len() != windows.len() * 2 {
        return None;
    }
    let admission = sliding::decide(windows, count, now, |index| Counts {
        current: counts[index * 2],
        previous: counts[index * 2 + 1],
    });
    // Both sides decide by the same arithmetic; if ever they did not, neither answer could be trusted.
    let admitted = matches!(admission, Admission::Admitted { .. });
    (admitted == (*counted == 1)).then_some(admission)
}

fn unavailable(attempted: &str, error: NoAnswer) -> PortError {
    PortError::unavailable(attempted, error)
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn admit_many(
        &self,
        windows: &[Window],
        count: u32,
        now: Duration,
    ) -> Result<Admission, PortError> {
        const ATTEMPTED: &str = "count against the limits";
        if windows.is_empty() {
            return Ok(Admission::Admitted { tightest: None });
        }
        let call = async |connection| self.run_script(windows, count, now, connection).await;
        let answer = self.shared.connection.call(call, || self.look_again()).await;
        let answer = answer.map_err(|error| unavailable(ATTEMPTED, error))?;
        read(&answer, windows, count, now).ok_or_else(|| PortError::broken(ATTEMPTED, OddAnswer))
    }
}

#[async_trait]
impl Probe for RedisLimiter {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn probe(&self) -> Result<(), PortError> {
        self.shared.connection.ping().await.map_err(|error| unavailable("reach Redis", error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use outcrop_ports::PortFailure;

    use super::*;

    fn window() -> Window {
        Window { name: "n".to_owned(), limit: 2, length: Duration::from_secs(60) }
    }

    #[test]
    fn all_keys_share_one_hash_tag() {
        let slide = Slide::at(Duration::from_secs(60), Duration::from_secs(120));
        assert_eq!(key(&window(), slide, slide.period), "outcrop:{limits}:n:60000:2");
    }

    #[test]
    fn an_answer_must_fit_its_question() {
        let now = Duration::from_secs(600);
        let admitted = |answer: &[u32]| {
            read(answer, &[window()], 1, now).map(|admission| matches!(admission, Admission::Admitted { .. }))
        };
        assert_eq!(admitted(&[1, 1, 0]), Some(true));
        assert_eq!(admitted(&[0, 2, 0]), Some(false));
        for odd in [&[][..], &[1], &[1, 1], &[1, 1, 0, 0], &[1, 2, 0], &[0, 1, 0]] {
            assert_eq!(admitted(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for url in ["http://u:hunter2@h", "redis://u:hunter2@h:port", ""] {
            let error = RedisLimiter::connect(url, RedisOptions::default()).expect_err(url);
            assert_eq!(error.failure, PortFailure::Broken);
            assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"), "{error:?}");
        }
        let limiter = RedisLimiter::connect("redis://u:hunter2@127.0.0.1:1", RedisOptions::default());
        assert!(!format!("{limiter:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn away_from_the_start_is_unavailable_and_soon_free() {
        // Port 1 is never bound without privileges.
        let limiter =
            RedisLimiter::connect("redis://127.0.0.1:1", RedisOptions::default()).expect("a good URL");
        for _ in 0..RedisOptions::default().failures_to_open {
            let error = limiter.admit(&[window()], Duration::from_secs(600)).await.expect_err("away");
            assert_eq!(error.failure, PortFailure::Unavailable);
        }
        let started = Instant::now();
        for _ in 0..1_000 {
            let error = limiter.admit(&[window()], Duration::from_secs(600)).await.expect_err("away");
            assert!(error.chain().contains("left alone"), "{}", error.chain());
        }
        // The time-out of one call alone would be a quarter of this.
        assert!(started.elapsed() < Duration::from_millis(200), "{:?}", started.elapsed());
        assert_eq!(
            limiter.admit(&[], Duration::ZERO).await.expect("no question"),
            Admission::Admitted { tightest: None }
        );
        assert!(limiter.probe().await.is_err());
    }
}
