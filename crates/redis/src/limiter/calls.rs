//! What this process knows of its own calls, to renew what they hold and to bring it back if Redis loses it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use outcrop_ports::window::{self, Place};
use outcrop_ports::{Ask, Hold, Meter, Settlement};
use tokio::sync::watch;
use uuid::Uuid;

use super::keys::{Keys, Part, What, millis};

/// Most calls remembered; what more are open at once is held for one lease only.
const MOST_CALLS: usize = 100_000;
/// Most counts remembered: of what more there are, nothing can be brought back.
const MOST_COUNTS: usize = 50_000;
/// How many counts are brought back at once.
const COUNTS_AT_ONCE: usize = 200;
/// Epochs remembered, for answers that come late.
const PAST_EPOCHS: usize = 8;
/// How long Redis may take to get to a question that nobody waits for any more.
const MAY_COME: Duration = Duration::from_secs(3);
/// How long a settlement that failed is tried again here; whoever asked for it does so too.
const TRY_SETTLING: Duration = Duration::from_secs(3_600);

/// The calls of this process.
#[derive(Debug, Default)]
pub(super) struct Calls {
    // Held for some microseconds, never over an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The life of Redis's data that was last heard of, and those before it.
    epoch: Option<String>,
    past: VecDeque<String>,
    open: HashMap<Uuid, Call>,
    /// What this process counted in slots that are in view.
    counts: HashMap<(String, u64), Count>,
    /// Set while something is to be brought back.
    restore: Option<Restore>,
    /// How many pieces there were to bring back, ever: the name of the last one.
    pieces: u64,
    said_full: bool,
    /// How often something was lost.
    losses: watch::Sender<u64>,
    /// What was spent before so many losses is in the ledger; `None` as long as nobody ever said so, who then need not.
    ledger_knows: Option<u64>,
}

/// A call that is open, or that is to be settled.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: Uuid,
    pub(super) meters: Arc<[Meter]>,
    /// When it was let in, by the caller's clock, and by ours.
    pub(super) at: Duration,
    asked: Instant,
    pub(super) longest: Duration,
    /// In which epoch it was held last.
    epoch: String,
    /// How it ended, until Redis knows.
    end: Option<Settlement>,
    /// Whether Redis may yet let it in: the question was sent, and nobody waited for the answer.
    may_come: bool,
}

/// A settlement on its way.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    pub(super) settlement: Settlement,
    /// The epoch in which it was reserved; empty if that is not known.
    pub(super) epoch: String,
}

#[derive(Debug, Clone)]
pub(super) struct Count {
    pub(super) part: Part,
    pub(super) amount: u64,
    /// When it is out of view.
    until: Instant,
}

/// What is to be brought back.
#[derive(Debug, Clone)]
pub(super) struct Restore {
    pub(super) epoch: String,
    /// What was counted, as it was when the loss was noticed. Its pieces are counted once each, whatever is repeated,
    /// by their names.
    pub(super) counts: Vec<(u64, Arc<[Count]>)>,
    /// The last piece when this was told: there may be more by now.
    last: u64,
}

impl Call {
    /// When its lease runs out if it is renewed now, milliseconds of the caller's clock.
    pub(super) fn lease_ends_ms(&self, lease: Duration) -> u64 {
        millis((self.at + self.asked.elapsed() + lease).min(self.at + self.longest))
    }

    /// Whether nothing is left to do for it once this was told Redis. It may have been settled otherwise meanwhile: then
    /// that is to be said too.
    fn is_done(&self, settlement: &Settlement, counted: bool) -> bool {
        let may_come = self.may_come && !counted && self.asked.elapsed() < MAY_COME;
        self.end.as_ref() == Some(settlement) && !may_come
    }

    fn is_over(&self) -> bool {
        let patience = if self.end.is_some() { TRY_SETTLING } else { self.longest };
        self.asked.elapsed() >= patience
    }
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic between two lines leaves entries, not a broken structure.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was noticed that Redis lost its data.
    pub(super) fn losses(&self) -> watch::Receiver<u64> {
        self.lock().losses.subscribe()
    }

    /// Notes that what was spent before so many losses is in the ledger.
    pub(super) fn ledger_knows(&self, losses: u64) {
        let mut state = self.lock();
        state.ledger_knows = state.ledger_knows.max(Some(losses));
    }

    /// Notes in which epoch an answer was given: in a new one, everything before was lost.
    pub(super) fn heard_of(&self, epoch: &str) {
        self.lock().heard_of(epoch);
    }

    /// Notes calls that were let in.
    pub(super) fn opened(&self, ask: &Ask<'_>, epoch: &str) {
        self.insert(ask, epoch, |_| None);
        let mut state = self.lock();
        if state.is_past(epoch) {
            state.lost(&[]);
        }
    }

    /// Notes calls of which it is not known whether they were let in: what they may hold is given back.
    pub(super) fn abandoned(&self, ask: &Ask<'_>) {
        let at_ms = millis(ask.now);
        self.insert(ask, "", |call| {
            let hold = Hold { call, at_ms, meters: ask.meters.to_vec() };
            Some(Settlement { hold, used: vec![0; ask.meters.len()], unreserved: false })
        });
    }

    fn insert(&self, ask: &Ask<'_>, epoch: &str, end: impl Fn(Uuid) -> Option<Settlement>) {
        let meters: Arc<[Meter]> = ask.meters.into();
        let asked = Instant::now();
        let mut state = self.lock();
        for id in ask.calls.iter().copied() {
            let (meters, epoch) = (Arc::clone(&meters), epoch.to_owned());
            let end = end(id);
            let may_come = end.is_some();
            let call = Call { id, meters, at: ask.now, asked, longest: ask.longest, epoch, end, may_come };
            state.insert(call);
        }
    }

    /// Notes how calls ended; they are not renewed any more.
    pub(super) fn ending(&self, settlements: &[Settlement]) -> Vec<Ending> {
        let mut state = self.lock();
        let known = settlements.iter().map(|settlement| {
            let id = settlement.hold.call;
            if let Some(call) = state.open.get_mut(&id) {
                call.end = Some(settlement.clone());
            } else {
                state.insert(Call {
                    id,
                    meters: Arc::default(),
                    at: Duration::from_millis(settlement.hold.at_ms),
                    asked: Instant::now(),
                    longest: Duration::ZERO,
                    epoch: String::new(),
                    end: Some(settlement.clone()),
                    may_come: false,
                });
            }
            let epoch = state.open.get(&id).map(|call| call.epoch.clone()).unwrap_or_default();
            Ending { settlement: settlement.clone(), epoch }
        });
        known.collect()
    }

    /// Settlements that did not get through, so many at most.
    pub(super) fn unsettled(&self, most: usize) -> Vec<Ending> {
        let state = self.lock();
        let ended = state
            .open
            .values()
            .filter_map(|call| Some(Ending { settlement: call.end.clone()?, epoch: call.epoch.clone() }));
        ended.take(most).collect()
    }

    /// Notes that these were settled, and which of them were counted by that.
    pub(super) fn settled(&self, endings: &[Ending], epoch: &str, counted: &[u64], keys: &Keys) {
        let mut state = self.lock();
        state.heard_of(epoch);
        let mut added = Vec::new();
        for (Ending { settlement, .. }, counted) in endings.iter().zip(counted) {
            let hold = &settlement.hold;
            let counted = *counted == 1;
            if state.open.get(&hold.call).is_some_and(|call| call.is_done(settlement, counted)) {
                state.open.remove(&hold.call);
            }
            if counted {
                let at = Duration::from_millis(hold.at_ms);
                let used = hold.meters.iter().zip(&settlement.used);
                added.extend(used.filter_map(|(meter, used)| state.count(meter, at, *used, keys)));
            }
        }
        state.added(&added, epoch);
    }

    /// Notes what was counted for good.
    pub(super) fn counted(&self, meters: &[Meter], now: Duration, epoch: &str, keys: &Keys) {
        let mut state = self.lock();
        state.heard_of(epoch);
        let added: Vec<_> =
            meters.iter().filter_map(|meter| state.count(meter, now, meter.amount, keys)).collect();
        state.added(&added, epoch);
    }

    /// Calls that are open and not about to be settled.
    pub(super) fn open(&self) -> Vec<Call> {
        self.lock().open.values().filter(|call| call.end.is_none()).cloned().collect()
    }

    /// Of these calls those that are open and not about to be settled.
    pub(super) fn still_open(&self, ids: &[Uuid]) -> Vec<Call> {
        let state = self.lock();
        let calls = ids.iter().filter_map(|id| state.open.get(id));
        calls.filter(|call| call.end.is_none()).cloned().collect()
    }

    /// Notes that these are held now.
    pub(super) fn held(&self, calls: &[Call], epoch: &str) {
        let mut state = self.lock();
        for call in calls {
            if let Some(call) = state.open.get_mut(&call.id) {
                epoch.clone_into(&mut call.epoch);
            }
        }
    }

    /// What is to be brought back.
    pub(super) fn to_restore(&self) -> Option<Restore> {
        self.lock().restore.clone()
    }

    /// Notes that it was, unless it was lost again meanwhile, or there is more.
    pub(super) fn restored(&self, restore: &Restore) {
        let mut state = self.lock();
        if state.restore.as_ref().is_some_and(|it| it.last == restore.last) {
            state.restore = None;
        }
    }

    /// The epoch in which there is nothing left to bring back, and nothing that the ledger lacks.
    pub(super) fn whole_in(&self) -> Option<String> {
        let state = self.lock();
        let in_ledger = state.ledger_knows.is_none_or(|it| it >= *state.losses.borrow());
        if state.restore.is_none() && in_ledger { state.epoch.clone() } else { None }
    }

    /// Forgets what is over.
    pub(super) fn forget(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.open.retain(|_, call| !call.is_over());
        state.counts.retain(|_, count| count.until > now);
        state.said_full &= state.open.len() >= MOST_CALLS;
    }
}

impl State {
    fn heard_of(&mut self, epoch: &str) {
        if self.epoch.as_deref() == Some(epoch) || self.past.iter().any(|past| past == epoch) {
            return;
        }
        let Some(last) = self.epoch.replace(epoch.to_owned()) else { return };
        self.past.push_back(last);
        if self.past.len() > PAST_EPOCHS {
            self.past.pop_front();
        }
        self.restore = None;
        let counts: Vec<_> = self.counts.values().cloned().collect();
        self.lost(&counts);
        self.losses.send_modify(|losses| *losses += 1);
    }

    /// Whether another came after it.
    fn is_past(&self, epoch: &str) -> bool {
        self.epoch.as_deref() != Some(epoch)
    }

    /// Has these counts, and what open calls hold, brought back.
    fn lost(&mut self, counts: &[Count]) {
        let Some(epoch) = self.epoch.clone() else { return };
        // A name even for nothing: what is about to be brought back is not all any more.
        self.pieces += 1;
        let restore = self.restore.get_or_insert(Restore { epoch, counts: Vec::new(), last: 0 });
        for counts in counts.chunks(COUNTS_AT_ONCE) {
            self.pieces += 1;
            restore.counts.push((self.pieces, counts.into()));
        }
        restore.last = self.pieces;
    }

    /// Notes in which epoch these were counted: if the answer came after the loss of it was noticed, they are lost too.
    fn added(&mut self, counts: &[Count], epoch: &str) {
        if self.is_past(epoch) && !counts.is_empty() {
            self.lost(counts);
        }
    }

    fn insert(&mut self, call: Call) {
        if self.open.len() < MOST_CALLS {
            self.open.insert(call.id, call);
        } else if !self.said_full {
            self.said_full = true;
            tracing::warn!(calls = MOST_CALLS, "too many calls are open to renew what all of them hold");
        }
    }

    /// Remembers what was counted while it is in view, and answers with it. What was spent is known to the ledger.
    fn count(&mut self, meter: &Meter, at: Duration, used: u64, keys: &Keys) -> Option<Count> {
        let place = Place::of(meter.window, at);
        let part = keys.part(meter, &place, Duration::ZERO);
        if used == 0 || part.what != What::Plain {
            return None;
        }
        let in_view_ms = place.left_ms + place.slot_ms * u64::from(place.before);
        let until = Instant::now() + Duration::from_millis(in_view_ms);
        let key = (part.key.clone(), part.slot);
        let amount = used.min(window::most(meter.window));
        if self.counts.len() < MOST_COUNTS || self.counts.contains_key(&key) {
            let part = part.clone();
            let count = self.counts.entry(key).or_insert(Count { part, amount: 0, until });
            count.amount = count.amount.saturating_add(used).min(window::most(meter.window));
            count.until = count.until.max(until);
        }
        Some(Count { part, amount, until })
    }
}

#[cfg(test)]
mod tests;
