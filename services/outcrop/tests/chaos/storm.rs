//! What goes wrong, and when: drawn from a seed.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::duplicates;
use crate::fleet::Fleet;
use crate::random::Random;

/// How far a batch is, at least, when Postgres is restarted: a share of its lines, in per cent.
const MIDDLE: u64 = 40;

/// What a storm did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Damage {
    pub(crate) kills: u64,
    pub(crate) restarts: u64,
    pub(crate) doubled: u64,
}

/// A storm that goes on.
pub(crate) struct Storm {
    random: Random,
    /// When the next worker dies.
    next_ms: u64,
    kills: u64,
    restarted: bool,
    doubling: JoinHandle<u64>,
    stop: CancellationToken,
}

impl Storm {
    pub(crate) fn new(random: Random, fleet: &Fleet) -> Self {
        let stop = CancellationToken::new();
        let doubling = tokio::spawn(duplicates::send(random.fork(1), fleet.queue.clone(), stop.clone()));
        Self { random, next_ms: fleet.history.now_ms() + 800, kills: 0, restarted: false, doubling, stop }
    }

    /// Does what is due.
    pub(crate) async fn blow(&mut self, fleet: &mut Fleet) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let counts = &fleet.last_seen()["request_counts"];
        let of = |name: &str| counts[name].as_u64().unwrap_or(0);
        let done = (of("completed") + of("failed")) * 100;
        if !self.restarted && done >= MIDDLE * of("total").max(1) {
            self.restart_postgres(fleet).await;
        }
        if fleet.history.now_ms() >= self.next_ms {
            self.kill(fleet).await;
        }
    }

    async fn kill(&mut self, fleet: &mut Fleet) {
        let worker = usize::try_from(self.random.between(0, fleet.workers.len() as u64)).unwrap();
        fleet.history.tell(format_args!("kill -9 of worker {worker}"));
        fleet.workers[worker].kill().await;
        self.kills += 1;
        tokio::time::sleep(Duration::from_millis(self.random.between(0, 500))).await;
        fleet.workers[worker].start_again().await;
        let counts = &fleet.last_seen()["request_counts"];
        fleet.history.tell(format_args!("worker {worker} is back; {counts}"));
        self.next_ms = fleet.history.now_ms() + self.random.between(500, 3_000);
    }

    async fn restart_postgres(&mut self, fleet: &mut Fleet) {
        self.restarted = true;
        fleet.history.tell("Postgres stops");
        fleet.postgres.stop().unwrap();
        tokio::time::sleep(Duration::from_millis(self.random.between(200, 2_000))).await;
        fleet.postgres.start_again().unwrap();
        fleet.history.tell("Postgres is back");
        // Nobody is started until it answers again.
        self.next_ms = fleet.history.now_ms() + self.random.between(1_000, 3_000);
    }

    /// Calm again: what was done.
    pub(crate) async fn end(self, fleet: &mut Fleet) -> Damage {
        self.stop.cancel();
        let doubled = self.doubling.await.unwrap();
        let damage = Damage { kills: self.kills, restarts: u64::from(self.restarted), doubled };
        fleet.history.tell(format_args!("calm: {damage:?}"));
        damage
    }
}
