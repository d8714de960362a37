//! What the service does by itself while it runs.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::AuthService;

/// How often it is written when keys were last used.
const WRITE_LAST_USED: Duration = Duration::from_secs(30);

/// How often what is over is cleared away.
const MAINTAIN: Duration = Duration::from_secs(3_600);

impl AuthService {
    /// Works until `stop`, then writes what is left to be written.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.keep_signing_keys(stop.clone()), self.keep_records(stop));
    }

    async fn keep_records(&self, stop: CancellationToken) {
        let (mut write, mut maintain) = (interval(WRITE_LAST_USED), interval(MAINTAIN));
        // After a pause of the whole process one catching up is enough.
        write.set_missed_tick_behavior(MissedTickBehavior::Delay);
        maintain.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = write.tick() => self.write_last_used().await,
                _ = maintain.tick() => self.maintain().await,
            }
        }
        self.write_last_used().await;
    }
}
