//! Limits in Redis.

mod calls;
mod keys;
mod reserve;
mod scripts;
mod shared;
mod upkeep;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use outcrop_ports::window::{self, Place};
use outcrop_ports::{Admission, Ask, IdGen, Limiter, Meter, MeterState, PortError, Probe, Seed, Settlement};
use tokio::runtime::Handle;
use tokio::sync::{RwLock, watch};
use uuid::Uuid;

use calls::Calls;
use keys::Keys;
use reserve::{Answer, Mode};
use scripts::Scripts;
use shared::Shared;

use crate::connection::{Connection, NoAnswer, RedisOptions};
use crate::operation::Operation;

/// Settlements in one script: Redis does nothing else meanwhile.
const SETTLED_AT_ONCE: usize = 64;

/// How limits are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimiterOptions {
    /// What all keys begin with: whoever shares counts has the same. Without braces.
    pub namespace: String,
    /// How long a call holds what it was reserved if its process is not heard of any more.
    pub lease: Duration,
    /// Between two signs of life of a process.
    pub heartbeat: Duration,
    /// How long nothing is let in at least after Redis lost its data, so that every process can bring back its part.
    pub grace: Duration,
    /// How long at most, while processes that were alive have not done so.
    pub longest_grace: Duration,
}

impl Default for LimiterOptions {
    fn default() -> Self {
        Self {
            namespace: "outcrop".to_owned(),
            lease: Duration::from_secs(60),
            heartbeat: Duration::from_millis(500),
            grace: Duration::from_secs(2),
            longest_grace: Duration::from_secs(10),
        }
    }
}

/// Counts in Redis, over all replicas that use the same one; also in a cluster, where all of it is on one node.
///
/// A call that is let in has a lease. This process renews those of its own calls in the background until they are
/// settled or over their time. It also remembers what it counted lately: when Redis loses its data, nothing is let in
/// for a moment, and every process brings back its part.
#[derive(Debug, Clone)]
pub struct RedisLimiter {
    shared: Arc<Shared>,
    upkeep: Arc<Upkeep>,
}

/// The task in the background; it ends with the last limiter.
#[derive(Debug)]
struct Upkeep {
    every: Duration,
    started: AtomicBool,
}

/// A question that is being put. Dropped without an answer, because that is late or nobody waits for it any more, what
/// Redis took for it, or may yet, is given back.
struct Asking<'a> {
    calls: &'a Calls,
    ask: Option<&'a Ask<'a>>,
}

impl Asking<'_> {
    fn answered(mut self) {
        self.ask = None;
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(ask) = self.ask {
            self.calls.abandoned(ask);
        }
    }
}

/// Redis answered something that the script does not say.
#[derive(Debug, thiserror::Error)]
#[error("the script's answer does not fit its question")]
struct OddAnswer;

/// Redis lost its data a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("limits are being restored")]
struct Restoring;

impl RedisLimiter {
    /// Uses the Redis at a URL: `redis://[user:password@]host[:port][/db]`, `rediss://…` with TLS; any node of a cluster.
    ///
    /// Connects in the background, so Redis may be away now. The URL alone can be wrong here. Call it where the
    /// process's main runtime is current: the connection will live there. `ids` names this process and what it begins.
    pub fn connect(
        url: &str,
        options: RedisOptions,
        limits: &LimiterOptions,
        ids: &dyn IdGen,
    ) -> Result<Self, PortError> {
        let connection = Connection::new(url, options)?;
        let keys = Keys::new(&limits.namespace, limits.lease);
        let grace = [limits.grace, limits.longest_grace.max(limits.grace)];
        let shared = Shared {
            connection,
            scripts: Scripts::new(keys, ids.uuid(), grace),
            calls: Calls::default(),
            lease: limits.lease,
            replicas: AtomicU32::new(1),
            alive: Mutex::default(),
            lets_in: AtomicBool::new(false),
            restoring: RwLock::new(()),
        };
        let upkeep = Upkeep { every: limits.heartbeat, started: AtomicBool::new(false) };
        let limiter = Self { shared: Arc::new(shared), upkeep: Arc::new(upkeep) };
        if let Ok(home) = Handle::try_current() {
            limiter.keep_up(&home);
        }
        Ok(limiter)
    }

    /// Starts the background's work, once.
    fn keep_up(&self, home: &Handle) {
        if !self.upkeep.started.swap(true, Ordering::Relaxed) {
            let losses = self.shared.calls.losses();
            home.spawn(upkeep::run(Arc::downgrade(&self.shared), losses, self.upkeep.every));
        }
    }

    /// Asks the one script that decides.
    async fn ask(&self, mode: Mode, ask: &Ask<'_>) -> Result<Answer, NoAnswer> {
        if !self.upkeep.started.load(Ordering::Relaxed) {
            self.keep_up(&Handle::current());
        }
        let question = reserve::question(&self.shared.scripts, mode, ask, self.shared.lease);
        let what = match mode {
            Mode::Hold => Operation::Admit,
            Mode::Count => Operation::Count,
            Mode::Read => Operation::Standing,
        };
        let answer: Answer = self.shared.soon(what, &question).await?;
        self.shared.calls.heard_of(&answer.1);
        Ok(answer)
    }
}

#[async_trait]
impl Limiter for RedisLimiter {
    async fn reserve(&self, ask: &Ask<'_>) -> Result<Admission, PortError> {
        const ATTEMPTED: &str = "reserve from the limits";
        if ask.meters.is_empty() {
            return Ok(Admission::Admitted { states: Vec::new() });
        }
        self.shared.lets_in.store(true, Ordering::Relaxed);
        let asking = Asking { calls: &self.shared.calls, ask: Some(ask) };
        let answer = match self.ask(Mode::Hold, ask).await {
            Ok(answer) => answer,
            Err(error) => {
                if matches!(error, NoAnswer::LeftAlone) {
                    asking.answered();
                }
                return Err(PortError::unavailable(ATTEMPTED, error));
            }
        };
        if reserve::is_restoring(&answer) {
            asking.answered();
            return Err(PortError::unavailable(ATTEMPTED, Restoring));
        }
        let epoch = answer.1.clone();
        match reserve::explain(answer, ask) {
            Some(admission) => {
                asking.answered();
                if matches!(admission, Admission::Admitted { .. }) {
                    self.shared.calls.opened(ask, &epoch);
                }
                Ok(admission)
            }
            None => Err(PortError::broken(ATTEMPTED, OddAnswer)),
        }
    }

    async fn settle(&self, settlements: &[Settlement], _: Duration) -> Result<(), PortError> {
        let settling = self.shared.restoring.read().await;
        let endings = self.shared.calls.ending(settlements);
        for endings in endings.chunks(SETTLED_AT_ONCE) {
            let settled = self.shared.settle(endings, false).await;
            settled.map_err(|error| PortError::unavailable("settle what calls used", error))?;
        }
        drop(settling);
        Ok(())
    }

    async fn seed(&self, meter: &Meter, seed: &Seed, now: Duration) -> Result<bool, PortError> {
        if !window::has_past(meter) {
            return Ok(false);
        }
        let seeded = self.shared.seed(meter, seed, now).await;
        seeded.map_err(|error| PortError::unavailable("tell the limits what was spent", error))
    }

    async fn read(&self, meters: &[Meter], now: Duration) -> Result<Vec<MeterState>, PortError> {
        const ATTEMPTED: &str = "read where limits stand";
        let ask = Ask { calls: &[], meters, now, longest: Duration::ZERO };
        let answer = self.ask(Mode::Read, &ask).await;
        let answer = answer.map_err(|error| PortError::unavailable(ATTEMPTED, error))?;
        let views =
            reserve::views(answer, meters, now).ok_or_else(|| PortError::broken(ATTEMPTED, OddAnswer))?;
        let states = meters.iter().zip(views);
        Ok(states.map(|(it, view)| window::state(it, &Place::of(it.window, now), &view.slots)).collect())
    }

    fn replicas(&self) -> u32 {
        self.shared.replicas.load(Ordering::Relaxed)
    }

    fn losses(&self) -> Option<watch::Receiver<u64>> {
        Some(self.shared.calls.losses())
    }

    fn ledger_knows(&self, losses: u64) {
        self.shared.calls.ledger_knows(losses);
    }

    async fn count(&self, meters: &[Meter], now: Duration) -> Result<Admission, PortError> {
        const ATTEMPTED: &str = "count against the limits";
        if meters.is_empty() {
            return Ok(Admission::Admitted { states: Vec::new() });
        }
        // Any id will do: nothing is kept under it.
        let ask = Ask { calls: &[Uuid::nil()], meters, now, longest: Duration::ZERO };
        let answer = self.ask(Mode::Count, &ask).await;
        let answer = answer.map_err(|error| PortError::unavailable(ATTEMPTED, error))?;
        let epoch = answer.1.clone();
        let admission =
            reserve::explain(answer, &ask).ok_or_else(|| PortError::broken(ATTEMPTED, OddAnswer))?;
        if matches!(admission, Admission::Admitted { .. }) {
            self.shared.calls.counted(meters, now, &epoch, &self.shared.scripts.keys);
        }
        Ok(admission)
    }
}

#[async_trait]
impl Probe for RedisLimiter {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn probe(&self) -> Result<(), PortError> {
        let pong = self.shared.connection.ping().await;
        pong.map_err(|error| PortError::unavailable("reach Redis", error))
    }
}

#[cfg(test)]
mod tests;
