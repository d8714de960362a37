//! Moves records from the spool to the ledger.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use outcrop_ports::{Ledger, PortError, PortFailure};
use outcrop_telemetry::{metric, names};
use outcrop_types::UsageRecord;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::segment::Scan;
use super::{Part, Spool};

/// Most records of one call of the ledger.
const BATCH: usize = 500;
/// Longest wait for the ledger to take one batch.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it ships where every answer waits for it.
const UNHURRIED: Duration = Duration::from_secs(1);
/// Shortest and longest pause between tries while the ledger is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A segment that is shipped and this large, or this long without company, is closed and deleted.
const TIDY_BYTES: u64 = 512 * 1024;
const TIDY_AFTER: Duration = Duration::from_secs(60);

/// The reading side of the spool; there is one.
pub(crate) struct Shipper {
    spool: Arc<Spool>,
    ledger: Arc<dyn Ledger>,
    flush: Duration,
    /// What has been read of segments that are still there.
    progress: HashMap<u64, Progress>,
    /// Whether the last round failed; only so that each outage is logged once.
    away: bool,
    idle: Duration,
    /// Since when something waits that could not be shipped.
    waits_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// Everything before this has arrived.
    shipped: u64,
    /// Something in the segment could not be read or was refused for good.
    spoilt: bool,
}

/// Why a round did not move everything.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("could not read the usage spool")]
    Spool(#[source] io::Error),
    #[error("could not ship usage records")]
    Ledger(#[source] PortError),
}

impl ShipError {
    fn detail(&self) -> String {
        match self {
            Self::Spool(source) => format!("{self}: {source}"),
            Self::Ledger(source) => format!("{self}: {}", source.chain()),
        }
    }
}

impl Shipper {
    pub(crate) fn new(spool: Arc<Spool>, ledger: Arc<dyn Ledger>, flush: Duration) -> Self {
        // Nothing is what answers wait for; what none of them brought is shipped as by default.
        let flush = if flush.is_zero() { UNHURRIED } else { flush.max(Duration::from_millis(10)) };
        Self {
            spool,
            ledger,
            flush,
            progress: HashMap::new(),
            away: false,
            idle: Duration::ZERO,
            waits_since: None,
        }
    }

    /// Ships every `flush` until told to stop. What is left then is left to [`Shipper::round`] or the next start.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) {
        // What dead processes left has waited long enough.
        let mut pause = if self.spool.caught_up.is_cancelled() { self.flush } else { Duration::ZERO };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
                () = self.spool.hurry.notified() => {}
            }
            self.idle += pause;
            let worked = tokio::select! {
                // A batch that is given up half-way is sent again, and is then there once.
                () = stop.cancelled() => return,
                worked = self.round() => worked,
            };
            // Twice nothing would be nothing: what was left is tried at once, and once.
            let longer = (pause * 2).max(SHORTEST_PAUSE);
            pause = if worked { self.flush } else { longer.min(LONGEST_PAUSE.max(self.flush)) };
        }
    }

    /// Ships everything that is there now; says whether that worked. Logs an outage when it begins and ends.
    pub(crate) async fn round(&mut self) -> bool {
        self.spool.rounds.send_modify(|it| it.begun += 1);
        let began = Instant::now();
        let shipped = self.ship_all().await;
        self.tell(began, shipped.is_ok());
        // One that is given up ends with the next.
        self.spool.rounds.send_modify(|it| (it.ended, it.worked) = (it.begun, shipped.is_ok()));
        match shipped {
            Ok(()) => {
                if std::mem::take(&mut self.away) {
                    tracing::info!("usage records are shipped again");
                }
                true
            }
            Err(error) => {
                if !std::mem::replace(&mut self.away, true) {
                    tracing::error!(error = error.detail(), "usage records wait in the spool");
                }
                let spool = Arc::clone(&self.spool);
                if let Err(error) = blocking(move || spool.sync()).await {
                    tracing::error!(%error, "could not force the usage spool to the disk");
                }
                false
            }
        }
    }

    async fn ship_all(&mut self) -> Result<(), ShipError> {
        if !self.spool.recovered.is_cancelled() {
            let spool = Arc::clone(&self.spool);
            let recover = move || {
                spool.recover();
                Ok(())
            };
            blocking(recover).await.map_err(ShipError::Spool)?;
        }
        let shipped = self.ship_parts().await;
        let is_away = |error: &ShipError| matches!(error, ShipError::Ledger(error) if error.failure == PortFailure::Unavailable);
        // What the ledger refuses it will not have later either.
        if !shipped.as_ref().is_err_and(is_away) {
            self.spool.caught_up.cancel();
        }
        shipped
    }

    async fn ship_parts(&mut self) -> Result<(), ShipError> {
        let stranded = self.spool.retry_stranded();
        if stranded > 0 {
            tracing::debug!(stranded, "usage records still wait in memory");
        }
        let (mut moved, mut stuck, mut failure) = (false, Vec::new(), None);
        for part in self.spool.parts() {
            match self.ship(part).await {
                Ok(some) => {
                    moved |= some;
                    if part.closed {
                        self.remove(part).map_err(ShipError::Spool)?;
                    }
                }
                Err(ShipError::Ledger(error)) if error.failure == PortFailure::Unavailable => {
                    return Err(ShipError::Ledger(error));
                }
                // One segment that cannot be moved must not hold up the others.
                Err(error) => {
                    let refused = matches!(error, ShipError::Ledger(_)) && part.closed;
                    stuck.extend(refused.then_some(part));
                    failure = failure.or(Some(error));
                }
            }
        }
        if moved {
            // The ledger works, so that what it refuses it will refuse for ever.
            for part in stuck {
                self.progress.entry(part.sequence).or_default().spoilt = true;
                self.remove(part).map_err(ShipError::Spool)?;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Ships one segment; says whether there was anything to ship.
    async fn ship(&mut self, part: Part) -> Result<bool, ShipError> {
        let mut progress = self.progress.get(&part.sequence).copied().unwrap_or_default();
        let mut moved = false;
        if progress.shipped < part.upto {
            self.idle = Duration::ZERO;
            let spool = Arc::clone(&self.spool);
            let from = progress.shipped;
            let Scan { records, spoilt, torn } =
                blocking(move || spool.read(part, from)).await.map_err(ShipError::Spool)?;
            progress.spoilt |= spoilt;
            if torn > 0 {
                tracing::warn!(bytes = torn, "the last usage record of an earlier run was not written whole");
            }
            for batch in records.chunks(BATCH) {
                progress.spoilt |= !self.send(batch).await?;
                moved = true;
            }
            progress.shipped = part.upto;
            self.progress.insert(part.sequence, progress);
        }
        let tidy = part.upto >= TIDY_BYTES
            || self.idle >= TIDY_AFTER
            || progress.spoilt
            || part.upto > 0 && self.spool.wants_room();
        if !part.closed && tidy {
            // Closed now, it is removed in the next round.
            self.spool.close(part.sequence);
            self.idle = Duration::ZERO;
        }
        Ok(moved)
    }

    /// Sends one batch; `false` if the ledger took only some of it and will never take the rest.
    async fn send(&self, batch: &[UsageRecord]) -> Result<bool, ShipError> {
        let Err(error) = self.record(batch).await else { return Ok(true) };
        if error.failure == PortFailure::Unavailable || batch.len() == 1 {
            return Err(ShipError::Ledger(error));
        }
        // One bad record must not hold up the others. If all are refused, the ledger itself is broken.
        let mut refused = Vec::new();
        for record in batch {
            match self.record(std::slice::from_ref(record)).await {
                Ok(()) => {}
                Err(error) if error.failure == PortFailure::Unavailable => {
                    return Err(ShipError::Ledger(error));
                }
                Err(_) => refused.push(record),
            }
        }
        if refused.len() == batch.len() {
            return Err(ShipError::Ledger(error));
        }
        for record in &refused {
            tracing::error!(usage.id = %record.id, error = error.chain(), "the ledger refuses a usage record");
        }
        Ok(refused.is_empty())
    }

    async fn record(&self, records: &[UsageRecord]) -> Result<(), PortError> {
        match timeout(LEDGER_TIMEOUT, self.ledger.record(records)).await {
            Ok(Ok(())) => {
                names::USAGE_WRITTEN.add(records.len() as f64, &[]);
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(elapsed) => Err(PortError::unavailable("record usage in time", elapsed)),
        }
    }

    /// Tells how much waits after a round, and since when.
    fn tell(&mut self, began: Instant, is_shipped: bool) {
        self.waits_since = if is_shipped { None } else { Some(self.waits_since.unwrap_or(began)) };
        if metric::is_going() {
            let (bytes, waits) = self.waiting();
            names::SPOOL_SIZE.set(bytes as f64, &[]);
            names::SPOOL_OLDEST.set(waits.as_secs_f64(), &[]);
        }
    }

    /// Bytes that are in the spool and not in the ledger, and for how long the ledger has not taken them.
    pub(super) fn waiting(&self) -> (u64, Duration) {
        let shipped = |part: &Part| self.progress.get(&part.sequence).map_or(0, |it| it.shipped);
        let bytes = self.spool.parts().iter().map(|part| part.upto.saturating_sub(shipped(part))).sum();
        (bytes, self.waits_since.map(|it| it.elapsed()).unwrap_or_default())
    }

    fn remove(&mut self, part: Part) -> io::Result<()> {
        let shipped = |sequence, upto| self.progress.get(&sequence).is_some_and(|it| it.shipped >= upto);
        if !self.spool.release(part.sequence, shipped) {
            return Ok(());
        }
        if self.progress.get(&part.sequence).is_some_and(|it| it.spoilt) {
            let path = self.spool.set_aside(part.sequence)?;
            tracing::error!(path = %path.display(), "a usage segment holds records that cannot be shipped; it is kept");
        } else {
            self.spool.discard(part.sequence)?;
        }
        self.progress.remove(&part.sequence);
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
