//! Waiting for what happens soon, in bounded time.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// Far more than anything here takes, and an end to what would hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Asks until there is an answer; panics, naming what was waited for, when there is none in time.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < LIMIT, "waited {LIMIT:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The time, by which the programs under test go.
pub(crate) fn now() -> DateTime<Utc> {
    #[expect(
        clippy::disallowed_methods,
        reason = "what is tested are other processes, with clocks of their own"
    )]
    Utc::now()
}
