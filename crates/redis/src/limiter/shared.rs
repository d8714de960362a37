//! The questions that are put to Redis, one round trip each.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use outcrop_ports::window::{self, Place};
use outcrop_ports::{Meter, Seed, SeedMode};
use redis::{FromRedisValue, ScriptInvocation};
use tokio::sync::RwLock;
use uuid::Uuid;

use super::calls::{Call, Calls, Count, Ending};
use super::keys::millis;
use super::scripts::Scripts;
use crate::connection::{Connection, NoAnswer};
use crate::operation::Operation;

/// Longest that a process counts as alive without a sign of life, milliseconds.
const ALIVE_MS: u64 = 3_000;

/// What the limiter and its upkeep have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connection: Connection,
    pub(super) scripts: Scripts,
    pub(super) calls: Calls,
    pub(super) lease: Duration,
    pub(super) replicas: AtomicU32,
    pub(super) alive: Mutex<Alive>,
    /// Whether this process lets calls in; those that merely count have no share of a limit.
    pub(super) lets_in: AtomicBool,
    /// Settlements hold it to read, and whoever brings back leases to write: none is brought back of a call that is
    /// being settled.
    pub(super) restoring: RwLock<()>,
}

/// The processes that let calls in, by the last sign of life.
#[derive(Debug, Default)]
pub(super) struct Alive {
    /// In which epoch that was; empty before the first.
    epoch: String,
    processes: BTreeSet<Vec<u8>>,
}

/// What a sign of life tells.
pub(super) struct Beat {
    /// The server's time, milliseconds, and when it was told by ours.
    server_ms: u64,
    told: Instant,
}

impl Beat {
    /// The server's time after so long from now; the answer's way back makes it a little early.
    fn server_ms_after(&self, wait: Duration) -> u64 {
        self.server_ms + millis(self.told.elapsed() + wait)
    }
}

impl Shared {
    /// Asks with more patience, whatever is known of Redis.
    async fn patiently<T: FromRedisValue>(&self, question: &ScriptInvocation<'_>) -> Result<T, NoAnswer> {
        self.connection
            .call_patiently(|mut redis| async move { question.invoke_async(&mut redis).await })
            .await
    }

    /// Asks within the time-out, or fails at once if Redis is known to be away; the upkeep looks for it.
    pub(super) async fn soon<T: FromRedisValue>(
        &self,
        what: Operation,
        question: &ScriptInvocation<'_>,
    ) -> Result<T, NoAnswer> {
        let ask = |mut redis| async move { question.invoke_async(&mut redis).await };
        self.connection.call(what, ask, || ()).await
    }

    /// Settles, and notes what was.
    pub(super) async fn settle(&self, endings: &[Ending], patiently: bool) -> Result<(), NoAnswer> {
        let mut script = self.scripts.ask(&self.scripts.settle);
        script.arg(endings.len());
        let mut at = 1;
        for Ending { settlement, epoch } in endings {
            let hold = &settlement.hold;
            script.arg(hold.call.as_bytes()).arg(u8::from(settlement.unreserved)).arg(epoch.as_str());
            script.arg(hold.meters.len());
            let then = Duration::from_millis(hold.at_ms);
            // What is missing is nothing.
            let used = settlement.used.iter().copied().chain(std::iter::repeat(0));
            for (meter, used) in hold.meters.iter().zip(used) {
                let place = Place::of(meter.window, then);
                let part = self.scripts.keys.part(meter, &place, Duration::ZERO);
                part.say(at, used.min(window::most(meter.window)), &mut script);
                at += 1;
            }
        }
        let answer: (String, Vec<u64>) = if patiently {
            self.patiently(&script).await?
        } else {
            self.soon(Operation::Settle, &script).await?
        };
        self.calls.settled(endings, &answer.0, &answer.1, &self.scripts.keys);
        Ok(())
    }

    /// Tells what was spent before the count began; whether that was taken.
    pub(super) async fn seed(&self, meter: &Meter, seed: &Seed, now: Duration) -> Result<bool, NoAnswer> {
        let mut script = self.scripts.ask(&self.scripts.seed);
        let (mode, left_out) = match seed.mode {
            SeedMode::Begin { settled } => ("begin", settled),
            SeedMode::AtLeast => ("at_least", 0),
            SeedMode::Exactly => ("exactly", 0),
        };
        script.arg(mode).arg(left_out).arg(window::begins_ms(meter.window, now));
        let place = Place::of(meter.window, now);
        self.scripts.keys.part(meter, &place, Duration::ZERO).say(1, 0, &mut script);
        let spent = window::by_slot(meter.window, &seed.spent, now);
        script.arg(spent.len());
        for (slot, amount) in spent {
            script.arg(slot).arg(window::slot_begins_ms(meter.window, slot)).arg(amount);
        }
        let answer: (String, u8) = self.soon(Operation::Seed, &script).await?;
        self.calls.heard_of(&answer.0);
        Ok(answer.1 == 1)
    }

    /// Gives a sign of life, and says what this process has brought back.
    pub(super) async fn beat(&self) -> Result<Beat, NoAnswer> {
        let mut script = self.scripts.ask(&self.scripts.beat);
        script.key(self.scripts.keys.processes.as_str());
        let lets_in = self.lets_in.load(Ordering::Relaxed);
        script.arg(self.scripts.process.as_bytes()).arg(u8::from(lets_in)).arg(ALIVE_MS);
        script.arg(self.calls.whole_in().unwrap_or_default());
        {
            let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
            script.arg(alive.epoch.as_str()).arg(alive.processes.len());
            for process in &alive.processes {
                script.arg(process.as_slice());
            }
        }
        let (epoch, processes, server_ms, restoring): (String, Vec<Vec<u8>>, u64, u8) =
            self.patiently(&script).await?;
        let beat = Beat { server_ms, told: Instant::now() };
        let replicas = processes.len() + usize::from(!lets_in);
        self.replicas.store(u32::try_from(replicas).unwrap_or(u32::MAX).max(1), Ordering::Relaxed);
        self.calls.heard_of(&epoch);
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        // Not all are heard of yet while all is being restored, and it may be lost once more.
        if restoring == 0 {
            alive.processes.clear();
        }
        alive.processes.extend(processes);
        alive.epoch = epoch;
        Ok(beat)
    }

    /// Lets the leases of these run longer; answers with the calls that have none.
    pub(super) async fn renew(&self, calls: &[Call]) -> Result<Vec<Uuid>, NoAnswer> {
        let mut script = self.scripts.ask(&self.scripts.renew);
        script.arg(calls.len());
        for call in calls {
            script.arg(call.id.as_bytes()).arg(call.lease_ends_ms(self.lease));
        }
        let answer: (String, Vec<Vec<u8>>) = self.patiently(&script).await?;
        self.calls.heard_of(&answer.0);
        Ok(answer.1.iter().filter_map(|id| Uuid::from_slice(id).ok()).collect())
    }

    /// Brings back what was counted, in one epoch and once under this name, and what calls hold in any. Whoever calls it for calls has seen to
    /// it that none of them is being settled. Whether it was done.
    pub(super) async fn restore(
        &self,
        beat: &Beat,
        (epoch, name): (&str, &str),
        counts: &[Count],
        calls: &[Call],
    ) -> Result<bool, NoAnswer> {
        let mut script = self.scripts.ask(&self.scripts.restore);
        // Nobody waits for it longer than that, so it shall not be done later either.
        script.arg(beat.server_ms_after(self.connection.patience()));
        script.arg(epoch).arg(format!("{}:{name}", self.scripts.process.simple())).arg(counts.len());
        let mut at = 1;
        for count in counts {
            count.part.say(at, count.amount, &mut script);
            at += 1;
        }
        script.arg(calls.len());
        for call in calls {
            script.arg(call.id.as_bytes()).arg(call.lease_ends_ms(self.lease)).arg(call.meters.len());
            for meter in call.meters.iter() {
                let place = Place::of(meter.window, call.at);
                self.scripts.keys.part(meter, &place, call.longest).say(at, meter.amount, &mut script);
                at += 1;
            }
        }
        let answer: (String, u8) = self.patiently(&script).await?;
        self.calls.heard_of(&answer.0);
        let done = answer.1 == 1;
        if done {
            self.calls.held(calls, &answer.0);
        }
        Ok(done)
    }
}
