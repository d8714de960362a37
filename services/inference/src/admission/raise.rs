//! Budgets in use are raised to what the ledger knows now and then: whatever may have been lost heals.
//!
//! The ledger may know of a call before it is settled. What was reserved for it is then still held, which a raise takes
//! into account; but of a call that was let in while the limiter was away nothing is. Its amount would be counted twice,
//! by the raise and by its settlement. So after an outage or a loss budgets rest until such calls are likely to be
//! settled, but for those whose past was told anew since, and those that the policies brought back. A process that is
//! cut off for longer than that can still settle a call twice in this sense: too much is counted then rather than too
//! little, until the budget begins anew or somebody says what was spent.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use outcrop_ports::PortFailure;
use tokio::time::{sleep, timeout};

use super::AdmissionControl;
use super::reserve::Question;

/// How often it is looked what is to be raised.
const TICK: Duration = Duration::from_secs(1);
/// Budgets that were not used for so long are left alone.
const LATELY: Duration = Duration::from_secs(600);
/// Most that are raised in one round; the others come next.
const AT_ONCE: usize = 2_000;
/// Most questions to the ledger at the same time.
const ABREAST: usize = 4;
/// After so many failures in one round the ledger is let alone for a while.
const MOST_FAILURES: usize = 8;
/// How long budgets rest after an outage or a loss.
const REST: Duration = Duration::from_secs(120);
/// At most so much is added to the time between two raises, so that replicas do not ask all at once.
const JITTER: Duration = Duration::from_secs(10);
/// How long after a loss the ledger is waited for: no limiter waits for longer.
const LONGEST_TELLING: Duration = Duration::from_secs(10);
/// How long a call waits at most for what may be missing in its budgets; after that it is found out in the background.
const LONGEST_CLOSING: Duration = Duration::from_secs(3);

impl AdmissionControl {
    /// Raises budgets for ever.
    pub(super) async fn raise(&self) {
        let (mut troubles, mut rested_at, mut failed) = (0, Duration::ZERO, false);
        loop {
            sleep(TICK).await;
            let now = self.clock.monotonic();
            let seen = self.away.troubles();
            if std::mem::replace(&mut troubles, seen) != seen || self.away.is_now() || self.settler.is_away()
            {
                rested_at = now + REST;
            }
            // What has ended and is not settled yet would be counted twice: by the ledger, and when it is settled.
            if self.settler.keeps_up() {
                self.raise_due(now >= rested_at, &mut failed).await;
            }
        }
    }

    /// Raises what is due; of what rests after an outage only if `all`.
    async fn raise_due(&self, all: bool, failed: &mut bool) {
        let now = self.clock.monotonic();
        let due = self.budgets.due(now.saturating_sub(LATELY), AT_ONCE, all, now);
        let raise = async |limit| (self.seeder.raise(&limit).await, limit);
        let mut raised = std::pin::pin!(stream::iter(due).map(raise).buffer_unordered(ABREAST));
        let mut failures = 0;
        while let Some((done, limit)) = raised.next().await {
            self.budgets.raised(&limit.name(), done.is_ok(), self.jitter(), self.clock.monotonic());
            let Err(error) = done else {
                *failed = false;
                continue;
            };
            if !std::mem::replace(failed, true) {
                tracing::warn!(error = error.chain(), "budgets cannot be held against the ledger");
            }
            failures += usize::from(error.failure == PortFailure::Unavailable);
            if failures == MOST_FAILURES {
                return;
            }
        }
    }

    /// Finds out what is missing in the counts of budgets that the policies did not always name: before they are relied on.
    pub(super) async fn close_gaps(&self, question: Question<'_>) {
        let gaps = self.budgets.gaps(question.limits, question.generation);
        if gaps.is_empty() {
            return;
        }
        let close = async |limit| (matches!(self.seeder.close(&limit).await, Ok(())), limit);
        let mut left = gaps.clone();
        let work = async {
            let mut closed = std::pin::pin!(stream::iter(gaps).map(close).buffer_unordered(ABREAST));
            while let Some((worked, limit)) = closed.next().await {
                self.budgets.closed(&limit, worked, question.generation, self.clock.monotonic());
                left.retain(|it| *it != limit);
            }
        };
        let _ = timeout(LONGEST_CLOSING, work).await;
        for limit in &left {
            self.budgets.closed(limit, false, question.generation, self.clock.monotonic());
        }
    }

    /// Whenever the limiter has lost its counts, the ledger is to know everything before anybody asks it what was spent:
    /// the limiter lets nothing in until it is told so, for as long as it waits at all.
    pub(super) async fn heed_losses(&self) {
        let Some(mut losses) = self.limiter.losses() else { return };
        self.limiter.ledger_knows(*losses.borrow_and_update());
        while losses.changed().await.is_ok() {
            let lost = *losses.borrow_and_update();
            self.away.lost();
            if timeout(LONGEST_TELLING, self.tell_ledger()).await.is_err() {
                tracing::warn!(
                    "the ledger is late: what it lacks may be spent again until budgets are held against it"
                );
            }
            self.limiter.ledger_knows(lost);
        }
    }

    /// Waits until the ledger has what is in the spool now.
    async fn tell_ledger(&self) {
        while !self.spool.shipped().await {
            sleep(TICK).await;
        }
    }

    fn jitter(&self) -> Duration {
        let mut byte = [0];
        self.ids.fill(&mut byte);
        JITTER * u32::from(byte[0]) / 255
    }
}
