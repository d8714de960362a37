//! Puts what calls used in the place of what they held, off everybody's time.
//!
//! Calls leave what is to be settled in a queue. One task empties it, some at a time, and tries again for as long as the
//! limiter is away. Calls that were let in while it is away may not fill the queue: those beyond are not settled, and
//! budgets are raised to what the ledger knows later. What is held in this process alone has a queue of its own, for that
//! is given back at once.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outcrop_ports::{Clock, Hold, Kind, Limiter, PortError, PortFailure, Settlement};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::budgets::Budgets;
use super::since_epoch;

/// Most settlements that wait.
pub(super) const WAITING: usize = 65_536;
/// Room for those that were reserved: what they hold is held for hours if nobody gives it back.
const FOR_RESERVED: usize = WAITING / 8;
/// With so many waiting it keeps up: under load some always do.
const FEW: usize = 4 * BATCH;
/// Most of one call of the limiter.
const BATCH: usize = 64;
/// Between two batches, so that what ends within it is settled together: to be woken for each call costs more than to
/// settle it.
const TOGETHER: Duration = Duration::from_millis(2);
/// What held less than this part of each of its limits can wait for so long. Of more, the next call may need what it
/// gives back.
const SMALL_PART: u64 = 64;
/// Pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Longest wait for the limiter once everything else has ended.
const LAST: Duration = Duration::from_secs(5);

/// What is to be settled.
#[derive(Debug)]
pub(super) enum Ending {
    /// With the limiter of all processes.
    Shared(Settlement),
    /// With that of this process, too: the call was let in while the other was away.
    Local { settlement: Settlement, hold: Hold, used: Vec<u64>, unsettled: Unsettled },
}

/// Kept as long as a call that was let in while the limiter was away is not settled with it.
pub(super) type Unsettled = Arc<()>;

/// What waits for the limiter of all processes.
struct Waiting {
    settlement: Settlement,
    _unsettled: Option<Unsettled>,
}

/// The way into the queue, and out of it.
pub(crate) struct Settler {
    limiter: Arc<dyn Limiter>,
    local: Arc<dyn Limiter>,
    clock: Arc<dyn Clock>,
    budgets: Arc<Budgets>,
    queue: Sender<Waiting>,
    own: Sender<Settlement>,
    /// Something that waits is to be settled at once.
    hurry: Notify,
    /// The other ends, taken by whoever empties them.
    waiting: Mutex<Option<(Receiver<Waiting>, Receiver<Settlement>)>>,
    unsettled: Unsettled,
    /// How many of those that wait were let in while the limiter was away.
    unreserved: AtomicUsize,
    /// How many found no room.
    pub(super) lost: AtomicU64,
    /// Whether the limiter failed at the last try; only so that each outage is logged once.
    away: AtomicBool,
}

impl Settler {
    pub(super) fn new(
        limiter: Arc<dyn Limiter>,
        local: Arc<dyn Limiter>,
        clock: Arc<dyn Clock>,
        budgets: Arc<Budgets>,
    ) -> Self {
        let ((queue, waiting), (own, own_waiting)) = (channel(WAITING), channel(WAITING));
        Self {
            limiter,
            local,
            clock,
            budgets,
            queue,
            own,
            hurry: Notify::new(),
            waiting: Mutex::new(Some((waiting, own_waiting))),
            unsettled: Arc::default(),
            unreserved: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            away: AtomicBool::new(false),
        }
    }

    /// Leaves a settlement in the queue. Never waits.
    pub(super) fn settle(&self, ending: Ending) {
        let (settlement, unsettled) = match ending {
            Ending::Shared(settlement) => (settlement, None),
            Ending::Local { settlement, hold, used, unsettled } => {
                if !hold.meters.is_empty() {
                    // It is emptied as fast as memory is; what finds no room is held until its longest time is over.
                    let _ = self.own.try_send(Settlement { hold, used, unreserved: false });
                }
                (settlement, Some(unsettled))
            }
        };
        let unreserved = settlement.unreserved;
        let hurries = settlement.hold.meters.iter().any(|it| it.amount > it.limit / SMALL_PART);
        let room = if unreserved { FOR_RESERVED } else { 0 };
        self.unreserved.fetch_add(usize::from(unreserved), Ordering::Relaxed);
        let waiting = Waiting { settlement, _unsettled: unsettled };
        if self.queue.capacity() > room && self.queue.try_send(waiting).is_ok() {
            if hurries {
                self.hurry.notify_one();
            }
            return;
        }
        self.unreserved.fetch_sub(usize::from(unreserved), Ordering::Relaxed);
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(
                "too many calls wait to be settled; what further ones used is taken from the ledger"
            );
        }
    }

    /// Whether everything that ended so far is settled, or will be at once; of what nothing is reserved, everything.
    pub(super) fn keeps_up(&self) -> bool {
        let few = self.queue.capacity() >= WAITING - FEW;
        few && self.unreserved.load(Ordering::Relaxed) == 0 && !self.is_away()
    }

    /// Whether the limiter failed at the last try.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// To be kept by a call that is let in while the limiter is away.
    pub(super) fn unsettled(&self) -> Unsettled {
        Arc::clone(&self.unsettled)
    }

    /// Whether any call that was let in while the limiter was away is under way, or not settled.
    pub(super) fn has_unsettled(&self) -> bool {
        Arc::strong_count(&self.unsettled) > 1
    }

    /// Empties the queue until told to stop, then what is left in it, within a bound. Run it once.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((waiting, own)) = taken else { return };
        tokio::join!(self.run_own(own, stop), self.run_shared(waiting, stop));
    }

    /// Gives back what was held in this process alone.
    async fn run_own(&self, mut own: Receiver<Settlement>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = own.recv_many(&mut batch, BATCH) => {}
            }
            if let Err(error) = self.local.settle(&batch, since_epoch(&*self.clock)).await {
                tracing::error!(error = error.chain(), "calls could not be settled in this process");
            }
            batch.clear();
        }
    }

    async fn run_shared(&self, mut waiting: Receiver<Waiting>, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = waiting.recv_many(&mut batch, BATCH) => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.send(&mut batch) => {}
            }
            if waiting.len() < BATCH {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = self.hurry.notified() => {}
                    () = sleep(TOGETHER) => {}
                }
            }
        }
        let rest = async {
            self.send(&mut batch).await;
            while let Ok(next) = waiting.try_recv() {
                batch.push(next);
                if batch.len() == BATCH || waiting.is_empty() {
                    self.send(&mut batch).await;
                }
            }
        };
        if timeout(LAST, rest).await.is_err() {
            let left = batch.len() + waiting.len();
            tracing::warn!(
                left,
                "some calls were not settled; their leases run out, and the ledger knows what they used"
            );
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "calls found no room to wait until they are settled");
        }
    }

    /// Settles these, however long that takes. Given up half-way, they can be sent again.
    async fn send(&self, batch: &mut Vec<Waiting>) {
        let mut shared: Vec<_> = batch.iter().map(|it| it.settlement.clone()).collect();
        shared.retain(|it| !it.hold.meters.is_empty());
        let mut pause = FIRST_PAUSE;
        while !shared.is_empty() {
            match self.limiter.settle(&shared, since_epoch(&*self.clock)).await {
                Ok(()) => {
                    if self.away.swap(false, Ordering::Relaxed) {
                        tracing::info!("calls are settled again");
                    }
                    break;
                }
                Err(error) => {
                    self.failed(&error);
                    if error.failure != PortFailure::Unavailable {
                        break;
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        for Waiting { settlement, .. } in batch.drain(..).filter(|it| it.settlement.unreserved) {
            self.note_spent(&settlement);
            self.unreserved.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What is left of budgets was said before the limiter knew of this call.
    fn note_spent(&self, settlement: &Settlement) {
        for (meter, used) in settlement.hold.meters.iter().zip(&settlement.used) {
            if meter.kind == Kind::Money {
                self.budgets.spent(&meter.name, *used);
            }
        }
    }

    fn failed(&self, error: &PortError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::error!(error = error.chain(), "calls wait to be settled");
        }
    }
}
